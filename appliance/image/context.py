"""What all steps of a build share."""

from __future__ import annotations

from dataclasses import dataclass

from appliance.image.cache import Cache
from appliance.image.options import Layout, Options
from appliance.image.system.command import Commands


@dataclass(frozen=True)
class Context:
    """Options and folders of the build, what is kept, and how commands are run."""

    options: Options
    layout: Layout
    cache: Cache
    commands: Commands

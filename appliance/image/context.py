"""The objects that all steps of a build share."""

from __future__ import annotations

from dataclasses import dataclass

from appliance.image.cache import Cache
from appliance.image.options import Layout, Options
from appliance.image.system.command import Commands


@dataclass(frozen=True)
class Context:
    """Options and folders of the build, the cache, and the runner of commands."""

    options: Options
    layout: Layout
    cache: Cache
    commands: Commands

"""The objects that all steps of a build share."""

from __future__ import annotations

from dataclasses import dataclass

from appliance.image.cache import Cache
from appliance.image.command import Commands
from appliance.image.options import Layout, Options


@dataclass(frozen=True)
class Context:
    """Options and folders of the build, the cache, and the runner of commands."""

    options: Options
    layout: Layout
    cache: Cache
    commands: Commands

"""The release as wheels alone, for hosts that are no image: ``build/wheelhouse``.

Made in the builder root like those of the image. Runs inside the namespaces that ``contain`` made.
"""

from __future__ import annotations

import os

from appliance.image import outputs
from appliance.image.cache import Cache
from appliance.image.context import Context
from appliance.image.options import Layout, Options
from appliance.image.progress import say
from appliance.image.steps.builder import wheelhouse
from appliance.image.system.command import Commands


def build_wheels(options: Options, layout: Layout, *, tested: bool) -> None:
    """Make the wheels, or use the cached ones; raises ImageError."""
    owner = layout.tree.stat()
    output = layout.tree / "build"
    output.mkdir(exist_ok=True)
    commands = Commands(output / "wheels.log")
    context = Context(options, layout, Cache(layout.cache, layout.work), commands)
    try:
        outputs.copy_wheelhouse(wheelhouse(context, tested=tested), output)
        say(f"{output / outputs.WHEELHOUSE}")
    finally:
        os.chown(output, owner.st_uid, owner.st_gid)
        for made in (output / "wheels.log", output / outputs.WHEELHOUSE):
            if made.exists():
                outputs.give_to(owner, made)

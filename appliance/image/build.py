"""The build, step by step. Runs inside the namespaces that ``contain`` made."""

from __future__ import annotations

import dataclasses
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.image import inputs, outputs
from appliance.image.cache import Cache
from appliance.image.context import Context
from appliance.image.errors import ImageError
from appliance.image.options import Layout, Options
from appliance.image.progress import say, step
from appliance.image.steps.base import Base, base_image
from appliance.image.steps.builder import wheelhouse
from appliance.image.steps.machine import closed_key, find_closed, make_closed
from appliance.image.steps.metal import find_metal, make_metal, metal_key
from appliance.image.system.accelerator import Accelerator, choose
from appliance.image.system.command import Commands
from appliance.image.system.disk import root_mounted
from dataplane.base.version import version

FREE_GIB_MIN = 12
_HYGIENE = ("tests/image/closed", "tests/image/support")


def build(options: Options, layout: Layout) -> None:
    """Make the image, or report that it is up to date; raises ImageError."""
    owner = layout.tree.stat()
    layout.logs.mkdir(parents=True, exist_ok=True)
    for old in layout.logs.iterdir():
        old.unlink()
    try:
        _Build(options, layout).run()
    finally:
        for folder in (layout.output.parent, layout.output):
            os.chown(folder, owner.st_uid, owner.st_gid)
        outputs.give_to(owner, layout.output)


@dataclass(frozen=True)
class _Keys:
    """The keys of the inputs of the results."""

    closed: str
    metal: str
    output: str


class _Build:
    """One build: the values that all its steps share."""

    def __init__(self, options: Options, layout: Layout) -> None:
        self._options = options
        self._layout = layout
        self._commands = Commands(layout.logs / "commands.log")
        self._cache = Cache(layout.cache, layout.work)
        self._context = Context(options, layout, self._cache, self._commands)

    def run(self) -> None:
        """Every step, in order."""
        _require_room(self._layout.cache)
        revision = self._revision()
        wheels = wheelhouse(self._context)
        base = base_image(self._context)
        keys = self._keys(wheels, base)
        if not self._options.refresh and outputs.is_current(self._layout.output, keys.output):
            say(f"{self._layout.output} is up to date")
            return
        accelerator = choose(self._options.accelerator, base.kernel, self._layout.cache)
        say(f"machines run under {accelerator.name}: {accelerator.reason}")
        closed = find_closed(keys.closed, self._cache)
        if closed:
            say(f"closed disk: kept as {closed.parent.name}")
        else:
            closed = make_closed(keys.closed, base, wheels, accelerator, self._context)
        images = {"vm": closed}
        if self._options.metal:
            images["metal"] = self._metal(closed, keys.metal)
        packages = {name: self._verified_packages(name, disk) for name, disk in images.items()}
        outputs.remove_stale(self._layout.output)
        outputs.copy_wheelhouse(wheels, self._layout.output)
        facts = {**revision, **self._facts(accelerator, keys.output, wheels)}
        self._hand_over(images, packages, facts)

    def _keys(self, wheels: Path, base: Base) -> _Keys:
        closed = closed_key(self._layout, wheels, base)
        metal = metal_key(closed, self._options)
        told = (version(), closed, metal if self._options.metal else "")
        tests = (self._layout.tree / name for name in _HYGIENE)
        return _Keys(closed, metal, inputs.key(*told, *tests))

    def _metal(self, closed: Path, key: str) -> Path:
        found = find_metal(key, self._cache)
        if found:
            say(f"image for bare metal: kept as {found.parent.name}")
            return found
        with step("image for bare metal: full kernel, firmware"):
            return make_metal(key, closed, self._context)

    def _verified_packages(self, name: str, disk: Path) -> dict[str, str]:
        """Check a closed disk's hygiene; returns the versions of its packages."""
        place = self._layout.work / "root"
        with (
            step(f"hygiene of the closed disk ({name})"),
            root_mounted(disk, place, self._commands, "ro,noload") as root,
        ):
            pytest = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider")
            self._commands.run(
                *(*pytest, "tests/image/closed"),
                env={"SECBEAT_IMAGE_ROOT": str(root), "SECBEAT_IMAGE_KIND": name},
                cwd=self._layout.tree,
            )
            return outputs.installed_packages(root, self._commands)

    def _revision(self) -> dict[str, Any]:
        """Queried first: the tree may be changed during the build."""
        tree = self._layout.tree
        git = ("git", "-c", f"safe.directory={tree}", "-C", tree)
        return {
            "version": version(),
            "git_revision": self._commands.run(*git, "rev-parse", "HEAD").strip(),
            "git_modified": bool(self._commands.run(*git, "status", "--porcelain").strip()),
        }

    def _facts(self, accelerator: Accelerator, key: str, wheels: Path) -> dict[str, Any]:
        told = dataclasses.asdict(self._options)
        return {
            "inputs": key,
            "options": {
                name: told[name] for name in sorted(told) if name not in ("cache", "refresh")
            },
            "accelerator": accelerator.name,
            "python_packages": sorted(wheel.name for wheel in wheels.glob("*.whl")),
        }

    def _hand_over(
        self,
        images: Mapping[str, Path],
        packages: Mapping[str, Mapping[str, str]],
        facts: Mapping[str, Any],
    ) -> None:
        output = self._layout.output
        files = {"vm": output / f"secbeat-{version()}.qcow2"}
        with step(f"compressing {files['vm'].name}"):
            outputs.compress_qcow2(images["vm"], files["vm"], self._commands)
        if "metal" in images:
            files["metal"] = output / f"secbeat-{version()}.raw.zst"
            with step(f"compressing {files['metal'].name}"):
                outputs.compress_raw(images["metal"], files["metal"], self._commands)
        document = outputs.manifest(facts, files, packages)
        outputs.write_manifest(output, document)
        for name, entry in document["files"].items():
            say(f"{output / name}: {entry['bytes'] / 1e6:.0f} MB")


def _require_room(cache: Path) -> None:
    free_gib = shutil.disk_usage(cache).free / (1 << 30)
    if free_gib < FREE_GIB_MIN:
        raise ImageError(
            f"{cache} has {free_gib:.1f} GiB free, a build takes up to {FREE_GIB_MIN}: give --cache"
        )

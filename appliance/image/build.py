"""The build, step by step. Runs inside the namespaces that ``contain`` made."""

from __future__ import annotations

import dataclasses
import os
import sys
from pathlib import Path
from typing import Any

from appliance.image import access, inputs, outputs
from appliance.image.accelerator import Accelerator, choose
from appliance.image.base import Base, base_image
from appliance.image.builder import wheelhouse
from appliance.image.cache import Cache
from appliance.image.chroot import entered
from appliance.image.close import close
from appliance.image.command import Commands
from appliance.image.disk import root_mounted
from appliance.image.metal import PACKAGES as METAL_PACKAGES
from appliance.image.metal import make_metal
from appliance.image.options import Layout, Options
from appliance.image.packer import Job, find_packer, run_packer
from appliance.image.progress import say, step
from dataplane.version import version

_INPUTS = ("packer", "playbooks", "appliance", "tests/image")


def build(options: Options, layout: Layout) -> None:
    """Make the image, or say that it is up to date; raises ImageError."""
    owner = layout.tree.stat()
    layout.logs.mkdir(parents=True, exist_ok=True)
    for old in layout.logs.iterdir():
        old.unlink()
    try:
        _build(options, layout)
    finally:
        for folder in (layout.output.parent, layout.output):
            os.chown(folder, owner.st_uid, owner.st_gid)
        outputs.give_to(owner, layout.output)


def _build(options: Options, layout: Layout) -> None:
    cache = Cache(layout.cache, layout.work)
    commands = Commands(layout.logs / "commands.log")
    wheels = wheelhouse(options, layout, cache, commands)
    base = base_image(options, layout, cache, commands)
    key = _key(options, layout, wheels, base)
    if not options.refresh and outputs.is_current(layout.output, key):
        say(f"{layout.output} is up to date")
        return
    accelerator = choose(options.accelerator, base.kernel, layout.cache)
    say(f"machines run under {accelerator.name}: {accelerator.reason}")
    packer = find_packer(options, cache, commands)
    outputs.remove_stale(layout.output)
    job = _prepare(base, wheels, accelerator, layout, commands)
    with step("Packer: roles and tests in the machine"):
        disk = run_packer(packer, job, options, layout, commands)
    with step("closing the disk"):
        close(disk, layout.work / "root", commands)
    images = {"vm": disk}
    if options.metal:
        with step("image for bare metal"):
            images["metal"] = layout.work / "metal.raw"
            make_metal(disk, images["metal"], options, layout, commands)
    packages = {name: _verify(name, image, layout, commands) for name, image in images.items()}
    facts = _facts(options, layout, accelerator, key, wheels, commands)
    outputs.copy_wheelhouse(wheels, layout.output)
    _hand_over(images, packages, facts, layout, commands)


def _key(options: Options, layout: Layout, wheels: Path, base: Base) -> str:
    told = (str(options.metal), options.mirror, options.security_mirror, version())
    made = base.disk.stat()
    # The cached base is made anew from the same inputs when it has grown old.
    parts = (wheels.name, base.key, str(made.st_mtime_ns), METAL_PACKAGES.read_text())
    return inputs.key(*told, *parts, *(layout.tree / name for name in _INPUTS))


def _prepare(
    base: Base, wheels: Path, accelerator: Accelerator, layout: Layout, commands: Commands
) -> Job:
    """Copy the base and let this build's key into the copy."""
    with step("build account"):
        disk = layout.work / "base.raw"
        commands.run("cp", "--sparse=always", base.disk, disk)
        key = access.make_key(layout.work, commands)
        public = key.with_suffix(".pub").read_text()
        with (
            root_mounted(disk, layout.work / "root", commands) as root,
            entered(root, commands) as chroot,
        ):
            access.grant(chroot, public)
        return Job(
            disk=disk,
            checksum=f"sha256:{outputs.sha256(disk)}",
            private_key=key,
            wheelhouse=wheels,
            accelerator=accelerator,
            output=layout.work / "machine",
            serial_log=layout.logs / "serial.log",
        )


def _verify(name: str, disk: Path, layout: Layout, commands: Commands) -> dict[str, str]:
    """Check a closed disk's hygiene; returns the versions of its packages."""
    with (
        step(f"hygiene of the closed disk ({name})"),
        root_mounted(disk, layout.work / "root", commands, "ro,noload") as root,
    ):
        commands.run(
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/image/closed"),
            env={"SECBEAT_IMAGE_ROOT": str(root), "SECBEAT_IMAGE_KIND": name},
            cwd=layout.tree,
        )
        return outputs.installed_packages(root, commands)


def _facts(
    options: Options,
    layout: Layout,
    accelerator: Accelerator,
    key: str,
    wheels: Path,
    commands: Commands,
) -> dict[str, Any]:
    git = ("git", "-c", f"safe.directory={layout.tree}", "-C", layout.tree)
    told = dataclasses.asdict(options)
    return {
        "version": version(),
        "git_revision": commands.run(*git, "rev-parse", "HEAD").strip(),
        "git_modified": bool(commands.run(*git, "status", "--porcelain").strip()),
        "inputs": key,
        "options": {name: told[name] for name in sorted(told) if name not in ("cache", "refresh")},
        "accelerator": accelerator.name,
        "python_packages": sorted(wheel.name for wheel in wheels.glob("*.whl")),
    }


def _hand_over(
    images: dict[str, Path],
    packages: dict[str, dict[str, str]],
    facts: dict[str, Any],
    layout: Layout,
    commands: Commands,
) -> None:
    stem = layout.output / f"secbeat-{version()}"
    files = {"vm": stem.with_name(f"{stem.name}.qcow2")}
    with step(f"compressing {files['vm'].name}"):
        outputs.compress_qcow2(images["vm"], files["vm"], commands)
    if "metal" in images:
        files["metal"] = stem.with_name(f"{stem.name}.raw.zst")
        with step(f"compressing {files['metal'].name}"):
            outputs.compress_raw(images["metal"], files["metal"], commands)
    document = outputs.manifest(facts, files, packages)
    outputs.write_manifest(layout.output, document)
    for name, entry in document["files"].items():
        say(f"{layout.output / name}: {entry['bytes'] / 1e6:.0f} MB")

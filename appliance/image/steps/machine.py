"""The closed disk: the base as a machine, made a node by Packer, verified, powered off, closed."""

from __future__ import annotations

import hashlib
from pathlib import Path

from appliance.image import inputs, outputs
from appliance.image.cache import Cache
from appliance.image.context import Context
from appliance.image.options import Layout
from appliance.image.progress import step
from appliance.image.steps import access
from appliance.image.steps.base import Base
from appliance.image.steps.builder import REQUIREMENTS
from appliance.image.steps.close import close
from appliance.image.steps.packer import Job, find_packer, run_packer
from appliance.image.system.accelerator import Accelerator
from appliance.image.system.chroot import entered
from appliance.image.system.disk import root_mounted

_MADE_FROM = (
    *("packer", "playbooks", "appliance/rootfs", "appliance/systemd"),
    *("tests/image/build", "tests/image/support"),
)
_MODULES = ("steps/access", "steps/close", "steps/machine", "steps/packer")
_DISK = "closed.raw"
_ENVIRONMENT = "/opt/secbeat"
_ROLE_FILES = Path("playbooks/roles/release/files")
_WHEELHOUSE, _FILES = "/tmp/wheelhouse", "/tmp/files"  # noqa: S108 - the chroot's own


def closed_key(layout: Layout, wheels: Path, base: Base) -> str:
    """The inputs of the closed disk."""
    # A base that is too old is made again from the same inputs.
    base_made = str(base.disk.stat().st_mtime_ns)
    tree = (layout.tree / name for name in _MADE_FROM)
    return inputs.key(wheels.name, base.key, base_made, *tree, *inputs.modules(*_MODULES))


def make_closed(
    key: str, base: Base, wheels: Path, accelerator: Accelerator, context: Context
) -> Path:
    """Make the closed disk and keep it; returns the raw file."""
    packer = find_packer(context)

    def make(made: Path) -> None:
        job = _prepare(base, wheels, accelerator, context)
        with step("Packer: roles and tests in the machine"):
            disk = run_packer(packer, job, context)
        job.disk.unlink()
        with step("closing the disk"):
            close(disk, context.layout.work / "root", context.commands)
        disk.rename(made / _DISK)

    return context.cache.make("closed", key, make) / _DISK


def environment_command(requirements: str) -> list[str]:
    """The role's script with the arguments that the role gives it (playbooks/roles/release)."""
    # Ansible's lookup of a file removes white space at its end.
    release = hashlib.sha256(requirements.rstrip().encode()).hexdigest()
    stamp = f"{_ENVIRONMENT}/release-{release}"
    return ["sh", f"{_FILES}/environment.sh", _WHEELHOUSE, _ENVIRONMENT, stamp]


def find_closed(key: str, cache: Cache) -> Path | None:
    """The closed disk in the cache, if it is there."""
    found = cache.find("closed", key)
    return found / _DISK if found else None


def _prepare(base: Base, wheels: Path, accelerator: Accelerator, context: Context) -> Job:
    """Copy the base; put this build's key and the Python environment into the copy.

    The environment is made by the role's own script, here at native speed: under emulation it takes
    minutes. The role finds its stamp and goes on.
    """
    layout, commands = context.layout, context.commands
    with step("build account and Python environment"):
        disk = layout.work / "base.raw"
        commands.run("cp", "--sparse=always", base.disk, disk)
        key = access.make_key(layout.work, commands)
        public = key.with_suffix(".pub").read_text()
        role_files = layout.tree / _ROLE_FILES
        folders = {_WHEELHOUSE: wheels, _FILES: role_files}
        with (
            root_mounted(disk, layout.work / "root", commands) as root,
            entered(root, commands, folders=folders) as chroot,
        ):
            access.grant(chroot, public)
            chroot.run(*environment_command((wheels / REQUIREMENTS).read_text()))
        return Job(
            disk=disk,
            checksum=f"sha256:{outputs.sha256(disk)}",
            private_key=key,
            wheelhouse=wheels,
            accelerator=accelerator,
            output=layout.work / "machine",
            serial_log=layout.logs / "serial.log",
        )

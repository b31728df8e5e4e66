"""The last step of the build: removes, offline, everything that identifies one machine from a disk.

Accounts and keys of the build, identities that each machine makes at its first boot, logs, caches
and histories. ``tests/image/closed`` checks the result.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from appliance.image.steps import access
from appliance.image.system.chroot import entered
from appliance.image.system.command import Commands
from appliance.image.system.disk import root_mounted

# Their contents are removed, the folders stay.
EMPTIED = (
    "var/log",
    "var/tmp",
    "var/cache/apt",
    "var/cache/debconf",
    "var/cache/ldconfig",
    "var/cache/man",
    "var/lib/apt/lists",
    "var/lib/chrony",
    "var/lib/cloud",
    "var/lib/dhcp",
    "var/lib/private",
    "var/lib/secbeat",
    "var/lib/systemd/network",
    "var/lib/systemd/timers",
    "var/spool/cron/crontabs",
    "etc/secbeat/tls",
    "run",
    "tmp",
)
REMOVED = (
    ".ansible",
    "root/.ansible",
    "root/.bash_history",
    "root/.cache",
    "root/.lesshst",
    "root/.python_history",
    "root/.ssh",
    "root/.viminfo",
    "root/.wget-hsts",
    "var/lib/dbus/machine-id",
    "var/lib/dpkg/available-old",
    "var/lib/dpkg/diversions-old",
    "var/lib/dpkg/status-old",
    "var/lib/systemd/credential.secret",
    "var/lib/systemd/random-seed",
    "var/lib/ucf/cache",
    "etc/.pwd.lock",
)


def close(disk: Path, place: Path, commands: Commands) -> None:
    """Close the raw disk in place, and release its free blocks."""
    with root_mounted(disk, place, commands, "discard") as root:
        with entered(root, commands) as chroot:
            access.revoke(chroot)
        clean(root)
        commands.run("fstrim", root)


def clean(root: Path) -> None:
    """Empty, remove and truncate files that must not be in an image; missing files are ignored."""
    for name in EMPTIED:
        _empty(root / name)
    for name in REMOVED:
        _remove(root / name)
    machine_id = root / "etc/machine-id"
    machine_id.write_text("")
    machine_id.chmod(0o444)


def _empty(folder: Path) -> None:
    if not folder.is_dir():
        return
    for child in folder.iterdir():
        # Programs seldom create the folders of their logs.
        if folder.name == "log" and child.is_dir() and not child.is_symlink():
            _empty(child)
        else:
            _remove(child)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)

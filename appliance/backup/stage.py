"""Writes the files of a backup beside those that they will replace, with owners and modes.

Missing requirements of the host (accounts, disk space, a configuration with the places of the
files) are errors before anything is written.
"""

from __future__ import annotations

import grp
import os
import pwd
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from api.common.disk import free_bytes
from appliance.backup import archive
from appliance.backup.errors import BackupError
from appliance.backup.manifest import Manifest, Member
from appliance.backup.places import ETC, FLEET_DUMP, ORCHESTRATOR, ROOTS, STAGING, Places

_SPARE_BYTES = 16 << 20
_CHUNK = 1 << 20


def place(roots: Mapping[str, Path], member: str) -> Path:
    """The place of a member on this host."""
    root, _, rest = member.partition("/")
    return roots[root] / rest


def staged(roots: Mapping[str, Path], member: str) -> Path:
    """The path at which it is staged."""
    root, _, rest = member.partition("/")
    return roots[root] / STAGING / rest


def roots_of(places: Places, file: Path, manifest: Manifest) -> dict[str, Path]:
    """The directories for the archive's files, according to its own configuration files.

    Raises `BackupError`, `ConfigurationError`.
    """
    names = {f"{ETC}/{name}": name for name in (places.node_file, places.fleet_file)}
    staging = places.etc / STAGING
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(mode=0o700)
    configuration: dict[str, Path] = {}

    def take(path: str, stream: IO[bytes]) -> None:
        if path in names:
            configuration[names[path]] = staging / names[path]
            with configuration[names[path]].open("wb") as target:
                shutil.copyfileobj(stream, target)

    archive.read(file, take)
    found = places.roots(configuration)
    used = {one.path.partition("/")[0] for one in manifest.files}
    unknown = sorted(used - found.keys())
    if unknown:
        config = places.fleet_file if ORCHESTRATOR in unknown else places.node_file
        raise BackupError(
            f"{file} contains files of {', '.join(unknown)}, and this command does not know where "
            f"they belong: no {config} is in it (--config)"
        )
    return {name: found[name] for name in ROOTS if name in used}


def require_accounts(manifest: Manifest) -> None:
    """Raise `BackupError` if an owner of a file is no user or group of this host."""
    missing = {f"user {one.owner}" for one in manifest.members if user(one.owner) is None}
    missing |= {f"group {one.group}" for one in manifest.members if group(one.group) is None}
    if missing:
        raise BackupError(
            f"this host has no {', '.join(sorted(missing))}, which files of the backup belong to: "
            "install SecBeat first"
        )


def require_room(roots: Mapping[str, Path], wanted: Sequence[Member]) -> None:
    """Raise `BackupError` if a file system has no room for the files beside the existing ones."""
    needed: dict[int, int] = {}
    directories: dict[int, Path] = {}
    for one in wanted:
        directory = _existing(roots[one.path.partition("/")[0]])
        device = directory.stat().st_dev
        directories[device] = directory
        needed[device] = needed.get(device, _SPARE_BYTES) + one.size
    for device, directory in directories.items():
        free, size = free_bytes(directory)
        if size and free < needed[device]:
            raise BackupError(
                f"{directory} has {free >> 20} MiB free, the restore needs "
                f"{needed[device] >> 20} MiB"
            )


def stage(file: Path, roots: Mapping[str, Path], wanted: Sequence[Member]) -> None:
    """Write the files. Raises `ArchiveError`: the archive has changed since it was checked."""
    members = {one.path: one for one in wanted}
    for root, directory in roots.items():
        if not directory.exists():
            directory.mkdir(parents=True, mode=0o755)
            if root in members:
                own(directory, members[root])
        shutil.rmtree(directory / STAGING, ignore_errors=True)
        (directory / STAGING).mkdir(mode=0o700)

    def take(path: str, stream: IO[bytes]) -> None:
        if path not in members:
            return
        target = staged(roots, path)
        target.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "wb") as opened:
            shutil.copyfileobj(stream, opened, _CHUNK)
            own(fd, members[path])
            opened.flush()
            os.fsync(fd)
        if path == FLEET_DUMP:  # the restoring user writes beside it
            os.chown(target.parent, user(members[path].owner) or 0, 0)

    archive.read(file, take)


def own(path: Path | int, member: Member) -> None:
    """Give a file or directory the owner and mode of the backup's."""
    os.chown(path, user(member.owner) or 0, group(member.group) or 0)
    os.chmod(path, member.mode)  # noqa: PTH101 - a descriptor too


def user(name: str) -> int | None:
    """The number of a user; None: there is none of this name."""
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return int(name) if name.isdigit() else None


def group(name: str) -> int | None:
    """The same for a group."""
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        return int(name) if name.isdigit() else None


def _existing(directory: Path) -> Path:
    while not directory.exists():
        directory = directory.parent
    return directory

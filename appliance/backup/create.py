"""Writes the backup of a host while its processes run: an archive of mode 0600."""

from __future__ import annotations

import grp
import os
import pwd
import socket
import stat
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

from api.common.disk import written
from api.storage.copying import CopyError
from api.storage.sqlite import copying
from api.storage.sqlite.upgrade import current
from appliance.backup import archive, fleet
from appliance.backup.archive import Hashed
from appliance.backup.errors import BackupError
from appliance.backup.manifest import FORMAT, SCHEMAS, Manifest, Member, require_inside
from appliance.backup.places import FILES_MAX, FLEET_DUMP, JOURNAL, ORCHESTRATOR, Places, members
from dataplane.base.durable import replaceable, sync_directory
from dataplane.base.version import version

COPIES = Path("/var/tmp")  # noqa: S108 - a directory of root's own is made in it
"""Directory in which databases are copied before they are packed."""


@dataclass
class _Packing:
    """An archive while it is written."""

    archive: tarfile.TarFile
    copies: Path
    members: list[Member] = field(default_factory=list)
    schemas: dict[str, str] = field(default_factory=dict)

    def add(self, member: str, path: Path) -> None:
        """Add a directory, a file, or a consistent copy of a database of SQLite.

        A file that was removed meanwhile is left out.
        """
        try:
            found = path.stat()
        except FileNotFoundError:
            return
        if len(self.members) == FILES_MAX:
            raise BackupError(f"there are more than {FILES_MAX} files to back up, the last {path}")
        require_inside(member)
        info = tarfile.TarInfo(member)
        info.mode, info.mtime = stat.S_IMODE(found.st_mode), int(found.st_mtime)
        info.uname, info.gname = _user(found.st_uid), _group(found.st_gid)
        if stat.S_ISDIR(found.st_mode):
            info.type = tarfile.DIRTYPE
            self.archive.addfile(info)
            self._note(info, "directory", "")
            return
        try:
            content = self._content(member, path)
        except FileNotFoundError:  # removed since
            return
        with content as stream:
            info.size = os.fstat(stream.fileno()).st_size
            hashed = Hashed(stream)
            try:
                self.archive.addfile(info, hashed)
            except OSError as exc:
                if exc.errno is not None:
                    raise
                raise BackupError(f"{path} became shorter while it was read: try again") from exc
            self._note(info, "file", hashed.sha256)

    def _content(self, member: str, path: Path) -> IO[bytes]:
        """The content of a file, opened. Raises `FileNotFoundError`: the file was removed."""
        stream = path.open("rb")
        if stream.peek(len(copying.MAGIC))[: len(copying.MAGIC)] != copying.MAGIC:
            return stream
        stream.close()
        copy = self.copies / "copy.db"
        try:
            copying.dump(path, copy)
        except CopyError:
            if not path.exists():
                raise FileNotFoundError(path) from None
            raise
        self.note_schema(member, current(copy))
        stream = copy.open("rb")
        copy.unlink()
        return stream

    def note_schema(self, member: str, revision: str | None) -> None:
        """Record the schema of a database that this program migrates."""
        if member in SCHEMAS and revision is not None:
            self.schemas[member] = revision

    def _note(self, info: tarfile.TarInfo, kind: str, sha256: str) -> None:
        self.members.append(
            Member.model_validate(
                {
                    "path": info.name,
                    "kind": kind,
                    "mode": info.mode,
                    "owner": info.uname,
                    "group": info.gname,
                    "size": info.size,
                    "sha256": sha256,
                }
            )
        )


def create(
    places: Places, file: Path, *, with_database: bool = True, replace: bool = False
) -> Manifest:
    """Back up a host to ``file``; on return it is durable.

    Args:
        with_database: an orchestrator's backup contains the fleet's database.
        replace: an existing regular file is replaced, also behind symbolic links; otherwise it
            is an error.

    Raises `BackupError`, `CopyError`, `StorageError`, `ConfigurationError`.
    """
    if (places.etc / JOURNAL).exists():
        raise BackupError(
            f"a restore on this host was interrupted ({places.etc / JOURNAL}): run "
            "'secbeat backup restore' again first"
        )
    if file.exists() and not replace:
        raise BackupError(f"{file} exists: choose another name, or --force to replace it")
    if not file.parent.is_dir():
        raise BackupError(f"{file.parent} is no directory")
    with written(file.parent):
        target = replaceable(file) if replace else file
    if target is None:
        raise BackupError(f"{file} can't be replaced: it is no regular file")
    roots = places.roots()
    unfinished = target.with_name(f".{target.name}.unfinished")
    with written(target.parent), TemporaryDirectory(dir=COPIES, prefix="secbeat-backup-") as copies:
        try:
            with _new(unfinished) as stream:
                manifest = _pack(places, roots, stream, Path(copies), with_database=with_database)
                stream.flush()
                os.fsync(stream.fileno())
            _publish(unfinished, target, replace=replace)
        finally:
            unfinished.unlink(missing_ok=True)
    return manifest


def _pack(
    places: Places, roots: dict[str, Path], stream: IO[bytes], copies: Path, *, with_database: bool
) -> Manifest:
    with archive.writing(stream) as packed:
        packing = _Packing(packed, copies)
        for member, path in members(places, roots):
            packing.add(member, path)
        if ORCHESTRATOR in roots and with_database:
            with fleet.dumped(places.etc / places.fleet_file) as copy:
                if copy is not None:
                    packing.note_schema(FLEET_DUMP, copy.revision)
                    packing.add(FLEET_DUMP, copy.file)
        manifest = Manifest(
            format=FORMAT,
            version=version(),
            created=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            host=socket.gethostname(),
            schemas=packing.schemas,
            members=packing.members,
        )
        if not manifest.files:
            raise BackupError(
                f"there is nothing to back up: {places.etc} has no configuration; name another "
                "node's secbeat.toml with --config"
            )
        archive.add_manifest(packed, manifest)
    return manifest


@contextmanager
def _new(path: Path) -> Iterator[IO[bytes]]:
    path.unlink(missing_ok=True)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as stream:
        yield stream


def _publish(unfinished: Path, file: Path, *, replace: bool) -> None:
    if replace:
        unfinished.replace(file)
    else:
        try:
            os.link(unfinished, file)  # unlike a rename, this replaces nothing
        except FileExistsError:
            raise BackupError(f"{file} exists: choose another name, or --force") from None
    sync_directory(file.parent)


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)

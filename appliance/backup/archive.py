"""The container: a tar file compressed with gzip, written whole, and checked before it is used.

Only directories and regular files are in it, each once; `manifest.NAME` is the last member, so an
archive that was cut off has none.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import zlib
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from appliance.backup.errors import ArchiveError, BackupError
from appliance.backup.manifest import BYTES_MAX, NAME, Manifest, parse, require_inside
from appliance.backup.places import FILES_MAX

_CHUNK = 1 << 20
_LEVEL = 3
_AFTER_THE_END_MAX = 1 << 20
"""tar fills its last record with zeros."""
Take = Callable[[str, IO[bytes]], None]
"""Called for each file of the archive: path, and a stream of its content."""


class Hashed:
    """A stream with the SHA-256 of all bytes that were read."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """The same as ``IO.read``."""
        data = self._stream.read(size)
        self._digest.update(data)
        return data

    @property
    def sha256(self) -> str:
        """The digest in hexadecimal digits."""
        return self._digest.hexdigest()


@contextmanager
def writing(stream: IO[bytes]) -> Iterator[tarfile.TarFile]:
    """A new archive on a stream; complete when the block ends."""
    with (
        gzip.GzipFile(filename="", mode="wb", compresslevel=_LEVEL, fileobj=stream) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as archive,
    ):
        yield archive


def add_manifest(archive: tarfile.TarFile, manifest: Manifest) -> None:
    """Write the manifest as the last member."""
    content = manifest.model_dump_json(indent=1).encode()
    info = tarfile.TarInfo(NAME)
    info.size, info.mode = len(content), 0o600
    archive.addfile(info, io.BytesIO(content))


def check(file: Path) -> Manifest:
    """Read a whole archive and compare it with its manifest. Raises `ArchiveError`."""
    return read(file, _skip)


def read(file: Path, take: Take) -> Manifest:
    """Pass every file of an archive to ``take``, then compare the archive with its manifest.

    Raises `ArchiveError`: the file is damaged, cut off, altered, or no archive of this program.
    """
    found: dict[str, tuple[str, int, str]] = {}
    content = b""
    try:
        with gzip.open(file) as packed, tarfile.open(fileobj=packed, mode="r|") as archive:
            for info in archive:
                if content:
                    raise ArchiveError(f"{file}: {info.name!r} comes after {NAME}")
                if info.name == NAME:
                    content = _manifest(file, archive, info)
                    continue
                _require_plain(file, info, found)
                found[info.name] = _taken(archive, info, take)
            _read_out(file, packed)
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as exc:
        raise ArchiveError(f"{file} is damaged or cut off: {exc}") from exc
    except OSError as exc:
        raise BackupError(f"{file} can't be read: {exc.strerror or exc}") from exc
    if not content:
        raise ArchiveError(f"{file} has no {NAME}: it is cut off, or no backup of SecBeat")
    manifest = parse(content)
    _require_same(file, manifest, found)
    return manifest


def _manifest(file: Path, archive: tarfile.TarFile, info: tarfile.TarInfo) -> bytes:
    stream = archive.extractfile(info)
    if stream is None or info.size > BYTES_MAX:
        raise ArchiveError(f"{file}: {NAME} has {info.size} bytes, at most {BYTES_MAX}")
    return stream.read()


def _require_plain(file: Path, info: tarfile.TarInfo, found: Collection[str]) -> None:
    require_inside(info.name)
    if not (info.isreg() or info.isdir()):
        raise ArchiveError(f"{file}: {info.name!r} is neither a file nor a directory")
    if info.name in found:
        raise ArchiveError(f"{file}: {info.name!r} is in it twice")
    if len(found) >= FILES_MAX:
        raise ArchiveError(f"{file} contains more than {FILES_MAX} files")


def _taken(archive: tarfile.TarFile, info: tarfile.TarInfo, take: Take) -> tuple[str, int, str]:
    stream = archive.extractfile(info)
    if stream is None:
        return "directory", 0, ""
    hashed = Hashed(stream)
    take(info.name, hashed)  # type: ignore[arg-type]
    while hashed.read(_CHUNK):
        pass
    return "file", info.size, hashed.sha256


def _read_out(file: Path, packed: gzip.GzipFile) -> None:
    """Read the rest: gzip compares its checksum at the end."""
    if len(packed.read(_AFTER_THE_END_MAX)) == _AFTER_THE_END_MAX:
        raise ArchiveError(f"{file} goes on behind the end of its archive")


def _require_same(file: Path, manifest: Manifest, found: dict[str, tuple[str, int, str]]) -> None:
    wanted = {one.path: (one.kind, one.size, one.sha256) for one in manifest.members}
    for path in [*wanted, *found]:
        if path not in found:
            raise ArchiveError(f"{file}: {path} is missing")
        if path not in wanted:
            raise ArchiveError(f"{file}: {path} is not in its {NAME}")
        if wanted[path] != found[path]:
            raise ArchiveError(f"{file}: {path} was altered: its checksum is not the recorded one")


def _skip(_path: str, _stream: IO[bytes]) -> None:
    """Skip a file; the content is read in any case."""

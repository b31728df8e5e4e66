"""Writes files of entries: snapshots and imports."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from dataplane.durable import write_all
from dataplane.statelog import format as fmt
from dataplane.statelog.changes import Policy, Put
from dataplane.statelog.files import FORMAT

_BATCH = 1024


@dataclass(frozen=True)
class Identity:
    """What a generation begins with."""

    database_id: UUID
    revision: int

    def header(self, kind: str, **fields: object) -> dict[str, object]:
        """The first line of its snapshot or log."""
        return {"format": FORMAT, "kind": kind, "database": str(self.database_id), **fields}


class EntriesWriter:
    """Header, entries, footer; buffers, counts and sums."""

    def __init__(self, fd: int, header: dict[str, object]) -> None:
        self.count = 0
        self._fd = fd
        self._crc = 0
        self._boots: list[UUID] = []
        self._emit(fmt.to_line(header))

    def write(self, entries: Iterable[Put]) -> None:
        """Entries in any order; a network at most once per list."""
        rest = iter(entries)
        while batch := list(itertools.islice(rest, _BATCH)):
            known = len(self._boots)
            rows = [fmt.encode_entry(entry, self._boots) for entry in batch]
            boots = [{"boot": str(boot)} for boot in self._boots[known:]]
            self._emit(b"".join(map(fmt.to_line, itertools.chain(boots, rows))))
            self.count += len(batch)

    def finish(self) -> None:
        """The footer."""
        self._emit(fmt.to_line({"end": True, "count": self.count, "crc32": f"{self._crc:08x}"}))

    def _emit(self, data: bytes) -> None:
        self._crc = zlib.crc32(data, self._crc)
        write_all(self._fd, data)


class ImportFileWriter(EntriesWriter):
    """The entries of one import; see `StateLogWriter.import_file`."""

    def __init__(self, fd: int, file: str) -> None:
        super().__init__(fd, {"format": FORMAT, "kind": "import"})
        self.file = file
        """Its name, for `Import`."""


def write_snapshot(
    fd: int, identity: Identity, entries: Iterable[Put], policy: Policy | None
) -> None:
    """A whole snapshot file."""
    header = identity.header("snapshot", revision=identity.revision, policy=policy)
    body = EntriesWriter(fd, header)
    body.write(entries)
    body.finish()

"""Stages lines of imports in a separate table, in small transactions, which block no
other writer."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Table, delete, insert, select

from api.common.disk import StorageError
from api.storage.database import Database
from dataplane.base.clock import Clock

STAGED_AT_ONCE = 2_000
FORGOTTEN_AT_ONCE = 10_000
LEFT_MS = 3_600_000
"""Older staged lines belong to an import that has failed."""


@dataclass(frozen=True)
class Staging:
    """Staging for one table; sets its columns ``import_id`` and ``staged_ms``."""

    database: Database
    clock: Clock
    table: Table

    @contextmanager
    def staged(self, lines: Iterable[dict[str, Any]]) -> Iterator[tuple[str, int]]:
        """Stage lines; yields the import's id and their number. They are deleted at the end."""
        import_id = uuid.uuid4().hex
        try:
            yield import_id, self._stage(import_id, lines)
        finally:
            self._unstage(import_id)

    def _stage(self, import_id: str, lines: Iterable[dict[str, Any]]) -> int:
        common = {"import_id": import_id, "staged_ms": self.clock.utc_ms()}
        count, rest = 0, iter(lines)
        while some := [common | line for line in itertools.islice(rest, STAGED_AT_ONCE)]:
            count += len(some)
            with self.database.write(bulk=True) as connection:
                connection.execute(insert(self.table), some)
        return count

    def _unstage(self, import_id: str) -> None:
        """Delete staged lines, also those that a crash of another import has left."""
        is_old = self.table.c.staged_ms < self.clock.utc_ms() - LEFT_MS
        with suppress(StorageError):
            self._forget(import_id)
            with self.database.read() as connection:
                query = select(self.table.c.import_id).where(is_old).distinct()
                left = connection.execute(query).scalars().all()
            for each in left:
                self._forget(each)

    def _forget(self, import_id: str) -> None:
        line, mine, last = self.table.c.line, self.table.c.import_id == import_id, 0
        while True:
            some = (mine, line > last)
            query = select(line).where(*some).order_by(line).offset(FORGOTTEN_AT_ONCE - 1)
            with self.database.write(bulk=True) as connection:
                end = connection.execute(query.limit(1)).scalar()
                if end is None:
                    connection.execute(delete(self.table).where(mine))
                    return
                connection.execute(delete(self.table).where(*some, line <= end))
            last = end

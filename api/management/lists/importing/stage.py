"""Moves an import's rows from its scratch database into ``node.db``, a chunk a transaction.

Every statement handles a chunk of rows in SQLite, without the interpreter's lock; the write lock is
held for one chunk at a time, and given to any request that waits.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from api.management.database import Database
from api.management.lists.rows import ALLOWLIST, BLACKLIST, last_address
from dataplane.networks import MAPPED_PREFIX, Network

CHUNK = 400
_SAME = "e.list = :list AND e.key = r.key AND e.prefix_length = r.prefix_length"
_LIVE = "(e.expires_boot_ms IS NULL OR e.expires_boot_ms > :boot_ms)"
_RANGE = "r.ordinal BETWEEN :first AND :last AND r.skip IS NULL"
_MARK_LISTED = f"""
UPDATE stage.rows AS r SET skip = 'is on the list already'
WHERE {_RANGE} AND EXISTS (SELECT 1 FROM main.entries AS e WHERE {_SAME} AND {_LIVE})
"""  # noqa: S608 - constants only
_ENDED = f"""
SELECT e.key, e.prefix_length, r.kind FROM stage.rows AS r CROSS JOIN main.entries AS e
WHERE {_RANGE} AND {_SAME} AND NOT {_LIVE}
"""  # noqa: S608
_COPY = f"""
INSERT INTO main.entries (list, key, prefix_length, reason, duration_s, created_ms, created_by,
                          expires_boot_ms, expires_utc_ms, import_id)
SELECT :list, r.key, r.prefix_length, r.reason, r.duration_s, :utc_ms, :created_by,
       :boot_ms + r.duration_s * 1000, :utc_ms + r.duration_s * 1000, :import_id
FROM stage.rows AS r WHERE {_RANGE}
"""  # noqa: S608
_KINDS = f"SELECT r.kind, count(*) FROM stage.rows AS r WHERE {_RANGE} GROUP BY r.kind"  # noqa: S608
_MARK_ALLOWED = """
UPDATE stage.rows SET skip = 'is covered by the allowlist'
WHERE skip IS NULL AND ordinal IN (
    SELECT r.ordinal FROM stage.allowed AS a CROSS JOIN stage.rows AS r
    WHERE r.key BETWEEN a.first AND a.last AND r.prefix_length >= a.prefix_length
      AND NOT (a.prefix_length < 96 AND r.key BETWEEN :mapped_first AND :mapped_last
               AND r.prefix_length >= 96))
"""
_ALLOWED = f"FROM main.entries AS e WHERE e.list = {ALLOWLIST} AND {_LIVE}"
_ALLOWED_ADDRESSES = (
    f"INSERT INTO stage.allowed SELECT e.key, e.key, 128 {_ALLOWED} AND e.prefix_length = 128"
)
_ALLOWED_PREFIXES = f"SELECT e.key, e.prefix_length {_ALLOWED} AND e.prefix_length < 128"
_UNSTAGE = """
DELETE FROM main.entries WHERE list = :list AND import_id = :import_id
AND (key, prefix_length) IN
    (SELECT key, prefix_length FROM stage.rows WHERE ordinal BETWEEN :first AND :last)
"""


@dataclass(frozen=True)
class Staging:
    """Which import, whose, and the time its durations count from."""

    import_id: int
    list: int
    created_by: str
    boot_ms: int
    utc_ms: int

    def parameters(self, first: int, last: int) -> dict[str, object]:
        """For the statements of this module."""
        return {**self.__dict__, "first": first, "last": last}


class Stage:
    """A scratch database attached to ``node.db``."""

    def __init__(self, database: Database, connection: sqlite3.Connection) -> None:
        self._database = database
        self._connection = connection
        self.rows: int = connection.execute("SELECT count(*) FROM stage.rows").fetchone()[0]

    def mark_conflicts(self, staging: Staging) -> None:
        """Mark the rows that are on the list already, or whose ban could never act."""
        self._connection.execute(_MARK_LISTED, staging.parameters(1, self.rows))
        if staging.list == BLACKLIST:
            self._mark_allowed(staging)

    def first_skipped(self, limit: int) -> list[tuple[int, Network, str]]:
        """Line, network and why, in the order of the lines."""
        query = "SELECT line, key, prefix_length, skip FROM stage.rows WHERE skip IS NOT NULL"
        rows = self._connection.execute(f"{query} ORDER BY line LIMIT ?", (limit,))
        return [(line, Network(key, length), why) for line, key, length, why in rows]

    def kinds(self) -> list[int]:
        """How many rows are not skipped, by kind."""
        return self._count(1, self.rows)

    def copy(self, staging: Staging) -> list[int]:
        """Copy all rows, invisible; returns how many of each kind."""
        copied = [0, 0, 0]
        for first, last in self._chunks():
            with self._write():
                parameters = staging.parameters(first, last)
                self._connection.execute(_MARK_LISTED, parameters)
                self._remove_ended(staging, parameters)
                self._connection.execute(_COPY, parameters)
                counted = self._count(first, last)
            copied = [old + new for old, new in zip(copied, counted, strict=True)]
        return copied

    def remove(self, staging: Staging) -> None:
        """Take back what was copied."""
        for first, last in self._chunks():
            with self._write():
                self._connection.execute(_UNSTAGE, staging.parameters(first, last))

    def _chunks(self) -> Iterator[tuple[int, int]]:
        return ((first, first + CHUNK - 1) for first in range(1, self.rows + 1, CHUNK))

    def _count(self, first: int, last: int) -> list[int]:
        counts = [0, 0, 0]
        for kind, count in self._connection.execute(_KINDS, {"first": first, "last": last}):
            counts[kind] = count
        return counts

    def _remove_ended(self, staging: Staging, parameters: dict[str, object]) -> None:
        """Rows that have ended but are not purged yet make room."""
        for key, length, kind in self._connection.execute(_ENDED, parameters).fetchall():
            self._connection.execute(
                "DELETE FROM main.entries WHERE list = ? AND key = ? AND prefix_length = ?",
                (staging.list, key, length),
            )
            self._connection.execute(
                "UPDATE main.totals SET count = count - 1 WHERE list = ? AND kind = ?",
                (staging.list, kind),
            )

    def _mark_allowed(self, staging: Staging) -> None:
        parameters = {"boot_ms": staging.boot_ms}
        run = self._connection.execute
        run("CREATE TABLE stage.allowed(first BLOB, last BLOB, prefix_length INTEGER)")
        run(_ALLOWED_ADDRESSES, parameters)
        prefixes = run(_ALLOWED_PREFIXES, parameters)
        self._connection.executemany(
            "INSERT INTO stage.allowed VALUES (?, ?, ?)",
            ((key, last_address(Network(key, length)), length) for key, length in prefixes),
        )
        bounds = {
            "mapped_first": MAPPED_PREFIX + bytes(4),
            "mapped_last": MAPPED_PREFIX + b"\xff" * 4,
        }
        run(_MARK_ALLOWED, bounds)

    @contextmanager
    def _write(self) -> Iterator[None]:
        with self._database.lock.hold(bulk=True):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.rollback()
                raise
            self._connection.commit()

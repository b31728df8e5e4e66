"""Moves an import's rows from its scratch database into ``node.db``, one chunk per transaction.

SQLite processes each chunk with a few statements, without Python's interpreter lock. The write lock
is held for one chunk at a time, so that waiting requests get it in between. `Stage` is the common
part of imports and bulk removals (`api.management.lists.removing.stage`).
"""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

from api.lists.kinds import ALLOWLIST, BLACKLIST, last_address
from api.lists.schemas import FLEET
from api.management.lists.progress import Progress
from api.management.lists.writes import Tally
from api.storage.sqlite import Database
from dataplane.base.networks import MAPPED_PREFIX, Network

CHUNK = 400
SAME = "e.list = :list AND e.key = r.key AND e.prefix_length = r.prefix_length"
LIVE = "(e.expires_boot_ms IS NULL OR e.expires_boot_ms > :boot_ms)"
COUNTED = """
(e.revision IS NOT NULL OR EXISTS
    (SELECT 1 FROM main.imports AS i WHERE i.id = e.import_id AND i.revision IS NOT NULL))
AND (e.ended_by IS NULL OR NOT EXISTS
    (SELECT 1 FROM main.imports AS i WHERE i.id = e.ended_by AND i.revision IS NOT NULL))
"""
"""SQL as in `rows.committed`: the rows that the totals count."""
CHUNK_OF_ROWS = "r.ordinal BETWEEN :first AND :last AND r.skip IS NULL"
LASTS = f"""
(SELECT 1 + max(e.expires_boot_ms IS NULL), max(e.expires_boot_ms), max(e.expires_utc_ms),
        max(e.duration_s) FROM main.entries AS e
 WHERE {SAME} AND {LIVE} AND {COUNTED} AND e.ended_by IS NULL AND e.import_id <> :import_id)
"""  # noqa: S608 - constants only
"""The end of a network by the rows that the bulk change does not touch (`latest_end`)."""
CHUNK_OF_MET = f"""
FROM stage.met AS m CROSS JOIN stage.rows AS r ON r.ordinal = m.ordinal
WHERE m.ordinal BETWEEN :first AND :last AND {CHUNK_OF_ROWS}
"""
_FIND_MET = f"""
INSERT OR IGNORE INTO stage.met(ordinal) SELECT r.ordinal FROM stage.rows AS r
WHERE {CHUNK_OF_ROWS} AND EXISTS (SELECT 1 FROM main.entries AS e WHERE {SAME})
"""  # noqa: S608
_ANY_MET = "SELECT EXISTS (SELECT 1 FROM stage.met WHERE ordinal BETWEEN :first AND :last)"
_THERE = f"""
SELECT 1 FROM main.entries AS e
WHERE {SAME} AND e.origin = :origin AND {LIVE} AND {COUNTED}
"""  # noqa: S608
_MARK_LISTED = f"""
UPDATE stage.rows AS r SET skip = 'is on the list already'
WHERE {CHUNK_OF_ROWS} AND r.ordinal IN (SELECT ordinal FROM stage.met) AND EXISTS ({_THERE})
"""  # noqa: S608
_END_LISTED = f"""
UPDATE main.entries AS e SET ended_by = :import_id
WHERE e.list = :list AND e.origin = :origin AND {LIVE} AND {COUNTED} AND (e.key, e.prefix_length) IN
    (SELECT r.key, r.prefix_length {CHUNK_OF_MET})
"""  # noqa: S608
_MEET = f"""
UPDATE stage.met AS m SET
    known = EXISTS (SELECT 1 FROM main.entries AS e WHERE {SAME} AND {COUNTED}),
    replaced = EXISTS (SELECT 1 FROM main.entries AS e
                       WHERE {SAME} AND e.origin = :origin AND +e.ended_by = :import_id),
    (others, others_boot_ms, others_utc_ms, others_duration_s) = {LASTS}
FROM stage.rows AS r
WHERE r.ordinal = m.ordinal AND m.ordinal BETWEEN :first AND :last AND {CHUNK_OF_ROWS}
"""  # noqa: S608
_COPY = f"""
INSERT INTO main.entries (list, key, prefix_length, origin, import_id, reason, duration_s,
                          created_ms, created_by, expires_boot_ms, expires_utc_ms)
SELECT :list, r.key, r.prefix_length, :origin, :import_id, r.reason, r.duration_s, :utc_ms,
       :created_by, :boot_ms + r.duration_s * 1000, :utc_ms + r.duration_s * 1000
FROM stage.rows AS r WHERE {CHUNK_OF_ROWS}
"""  # noqa: S608
_WANTED = "SELECT kind, count(*), count(*) FROM stage.rows WHERE skip IS NULL GROUP BY kind"
_NOT_WANTED = f"""
SELECT r.kind,
       sum(EXISTS (SELECT 1 FROM main.entries AS e WHERE {SAME} AND {LIVE} AND {COUNTED})),
       sum(EXISTS ({_THERE}))
{CHUNK_OF_MET} GROUP BY r.kind
"""  # noqa: S608
_COPIED = """
SELECT r.kind, count(*), coalesce(sum(m.known), 0), coalesce(sum(m.replaced), 0)
FROM stage.rows AS r LEFT JOIN stage.met AS m ON m.ordinal = r.ordinal
WHERE r.skip IS NULL {} GROUP BY r.kind
"""
_OF_ALL = ""
OF_ONE = "AND r.ordinal = :ordinal"
_MARK_ALLOWED = """
UPDATE stage.rows SET skip = 'is covered by the allowlist'
WHERE skip IS NULL AND ordinal IN (
    SELECT r.ordinal FROM stage.allowed AS a CROSS JOIN stage.rows AS r
    WHERE r.key BETWEEN a.first AND a.last AND r.prefix_length >= a.prefix_length
      AND NOT (a.prefix_length < 96 AND r.key BETWEEN :mapped_first AND :mapped_last
               AND r.prefix_length >= 96))
"""
_ALLOWED = f"FROM main.entries AS e WHERE e.list = {ALLOWLIST} AND {LIVE} AND {COUNTED}"
_ALLOWED_ADDRESSES = (
    f"INSERT INTO stage.allowed SELECT e.key, e.key, 128 {_ALLOWED} AND e.prefix_length = 128"
)
_ALLOWED_PREFIXES = f"SELECT e.key, e.prefix_length {_ALLOWED} AND e.prefix_length < 128"
_NETWORKS = "(SELECT key, prefix_length FROM stage.rows WHERE ordinal BETWEEN :first AND :last)"
_UNSTAGE = f"""
DELETE FROM main.entries WHERE list = :list AND import_id = :import_id
AND (key, prefix_length) IN {_NETWORKS}
"""  # noqa: S608
_UNMARK = f"""
UPDATE main.entries SET ended_by = NULL WHERE list = :list AND +ended_by = :import_id
AND (key, prefix_length) IN {_NETWORKS}
"""  # noqa: S608


@dataclass(frozen=True)
class Staging:
    """Number and author of the bulk change, and the time from which its durations count."""

    import_id: int
    list: int
    origin: str | None
    """Origin of the rows that are added."""
    created_by: str
    boot_ms: int
    utc_ms: int

    def parameters(self, first: int = 0, last: int = 0) -> dict[str, object]:
        """Parameters of the statements of this module."""
        return {**self.__dict__, "first": first, "last": last}


class Stage(ABC):
    """A scratch database attached to ``node.db``, with the networks of a bulk change."""

    def __init__(self, database: Database, connection: sqlite3.Connection) -> None:
        self._database = database
        self._connection = connection
        self.rows = 0
        self.progress: Progress | None = None

    @abstractmethod
    def tally(self, network: Network | None = None) -> Tally:
        """The change of the totals, by the whole bulk change or by one of its networks."""

    @abstractmethod
    def _stage(self, parameters: dict[str, object]) -> None:
        """Copy one chunk into ``node.db``, invisible."""

    def copy(self, staging: Staging) -> None:
        """Copy all rows into ``node.db``, invisible."""
        if self.progress:
            self.progress.begin("writing", self.rows)
        for first, last in self._chunks():
            with self._write():
                self._stage(staging.parameters(first, last))
            if self.progress:
                self.progress.advance(min(last, self.rows))
        if self.progress:
            self.progress.begin("publishing")

    def remove(self, staging: Staging) -> None:
        """Remove the staged rows."""
        for first, last in self._chunks():
            with self._write():
                for statement in (_UNSTAGE, _UNMARK):
                    self._connection.execute(statement, staging.parameters(first, last))

    def find(self, network: Network) -> int:
        """The ordinal of a network's row, of the first if there are several; 0: there is none.

        The rows are sorted by network, so a search replaces an index, which would cost more.
        """
        query = "SELECT key, prefix_length FROM stage.rows WHERE ordinal = ?"
        first, after = 1, self.rows + 1
        while first < after:
            middle = (first + after) // 2
            if Network(*self._connection.execute(query, (middle,)).fetchone()) < network:
                first = middle + 1
            else:
                after = middle
        found = self._connection.execute(query, (first,)).fetchone()
        return first if found == network else 0

    def _count_rows(self) -> int:
        query = "SELECT coalesce(max(ordinal), 0) FROM stage.rows"
        return int(self._connection.execute(query).fetchone()[0])

    def _chunks(self) -> Iterator[tuple[int, int]]:
        return ((first, first + CHUNK - 1) for first in range(1, self.rows + 1, CHUNK))

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


class ImportStage(Stage):
    """The rows of an import, as `parse` has left them."""

    def __init__(
        self, database: Database, connection: sqlite3.Connection, origin: str, replaces: bool
    ) -> None:
        super().__init__(database, connection)
        self._origin = origin
        self._replaces = replaces
        self.rows = self._count_rows()

    def mark_conflicts(self, staging: Staging) -> None:
        """Mark rows that are on the list already, and bans that could never take effect."""
        parameters = staging.parameters(1, self.rows)
        self._connection.execute(_FIND_MET, parameters)
        if not self._replaces:
            self._connection.execute(_MARK_LISTED, parameters)
        if staging.list == BLACKLIST and self._origin != FLEET:
            self._mark_allowed(staging)

    def first_skipped(self, limit: int) -> list[tuple[int, Network, str]]:
        """Line, network and reason of the first skipped rows, in the order of lines."""
        query = "SELECT line, key, prefix_length, skip FROM stage.rows WHERE skip IS NOT NULL"
        rows = self._connection.execute(f"{query} ORDER BY line LIMIT ?", (limit,))
        return [(line, Network(key, length), why) for line, key, length, why in rows]

    def wanted(self, staging: Staging) -> tuple[list[int], list[int]]:
        """Number of networks and of rows that need a place, by kind."""
        networks, rows = [0, 0, 0], [0, 0, 0]
        parameters = staging.parameters(1, self.rows)
        for query, sign in ((_WANTED, 1), (_NOT_WANTED, -1)):
            for kind, of_networks, of_rows in self._connection.execute(query, parameters):
                networks[kind] += sign * of_networks
                rows[kind] += sign * of_rows
        return networks, rows

    def copied(self) -> tuple[int, int]:
        """Number of rows that are not skipped, and of rows among them that replace a row."""
        return sum(row[1] for row in self._copied), sum(row[3] for row in self._copied)

    def tally(self, network: Network | None = None) -> Tally:
        """See `Stage`."""
        tally = Tally()
        found = self._copied if network is None else self._count(OF_ONE, self.find(network))
        for kind, count, known, replaced in found:
            tally.networks[kind] = count - known
            tally.rows[kind, self._origin] = count - replaced
        return tally

    @cached_property
    def _copied(self) -> list[tuple[int, int, int, int]]:
        """Of all rows, once they are copied: reads all of them."""
        return self._count(_OF_ALL)

    def _count(self, which: str, ordinal: int = 0) -> list[tuple[int, int, int, int]]:
        """Kind, and number of rows, of networks that the totals count, and of replaced rows."""
        return list(self._connection.execute(_COPIED.format(which), {"ordinal": ordinal}))

    def _stage(self, parameters: dict[str, object]) -> None:
        run = self._connection.execute
        run(_FIND_MET, parameters)
        if run(_ANY_MET, parameters).fetchone()[0]:
            run(_END_LISTED if self._replaces else _MARK_LISTED, parameters)
            run(_MEET, parameters)
        run(_COPY, parameters)

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
        if run("SELECT EXISTS (SELECT 1 FROM stage.allowed)").fetchone()[0]:
            run("CREATE INDEX stage.rows_by_key ON rows(key, prefix_length)")
            run(_MARK_ALLOWED, bounds)

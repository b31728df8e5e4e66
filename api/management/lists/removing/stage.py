"""Selects the entries of a bulk removal, and marks them in ``node.db``, one chunk per
transaction."""

from __future__ import annotations

import sqlite3

from api.lists import kinds
from api.management.lists.importing.parse import ROWS
from api.management.lists.importing.stage import (
    CHUNK_OF_ROWS,
    COUNTED,
    LASTS,
    LIVE,
    OF_ONE,
    SAME,
    Stage,
    Staging,
)
from api.management.lists.removing.filters import Filter
from api.management.lists.writes import Tally
from api.storage.sqlite import Database
from dataplane.base.networks import MAPPED_PREFIX, Network

_WANTED = """
CREATE TABLE stage.wanted(key BLOB, prefix_length INTEGER, PRIMARY KEY (key, prefix_length))
WITHOUT ROWID
"""
_MARKED = """
CREATE TABLE stage.marked(key BLOB, prefix_length INTEGER, origin TEXT, kind INTEGER,
                          PRIMARY KEY (key, prefix_length, origin)) WITHOUT ROWID
"""
_SELECT = f"""
INSERT INTO stage.rows(key, prefix_length, kind)
SELECT e.key, e.prefix_length,
       CASE WHEN e.prefix_length = 128 THEN {kinds.ADDRESS}
            WHEN e.prefix_length >= 96 AND e.key BETWEEN :mapped_first AND :mapped_last
            THEN {kinds.PREFIX_IPV4} ELSE {kinds.PREFIX_IPV6} END
{{source}} AND {{conditions}} AND {LIVE} AND {COUNTED}
GROUP BY e.key, e.prefix_length ORDER BY e.key, e.prefix_length
"""
_WHOLE_LIST = "FROM main.entries AS e WHERE e.list = :list"
_NAMED = f"FROM stage.wanted AS r CROSS JOIN main.entries AS e WHERE {SAME}"
_MARK = f"""
UPDATE main.entries AS e SET ended_by = :import_id
WHERE e.list = :list AND {{conditions}} AND {LIVE} AND {COUNTED} AND (e.key, e.prefix_length) IN
    (SELECT r.key, r.prefix_length FROM stage.rows AS r WHERE {CHUNK_OF_ROWS})
"""  # noqa: S608
_NOTE_MARKED = f"""
INSERT INTO stage.marked SELECT r.key, r.prefix_length, e.origin, r.kind
FROM stage.rows AS r CROSS JOIN main.entries AS e
WHERE {CHUNK_OF_ROWS} AND {SAME} AND +e.ended_by = :import_id
"""  # noqa: S608
_LEAVE_CHANGED = f"""
UPDATE stage.rows AS r SET skip = 'was changed meanwhile'
WHERE {CHUNK_OF_ROWS} AND NOT EXISTS (SELECT 1 FROM stage.marked AS m
                                      WHERE m.key = r.key AND m.prefix_length = r.prefix_length)
"""  # noqa: S608
_FIND_MET = f"""
INSERT INTO stage.met(ordinal) SELECT r.ordinal FROM stage.rows AS r WHERE {CHUNK_OF_ROWS}
"""  # noqa: S608
_MEET = f"""
UPDATE stage.met AS m SET
    known = EXISTS
        (SELECT 1 FROM main.entries AS e WHERE {SAME} AND {COUNTED} AND e.ended_by IS NULL),
    (others, others_boot_ms, others_utc_ms, others_duration_s) = {LASTS}
FROM stage.rows AS r
WHERE r.ordinal = m.ordinal AND m.ordinal BETWEEN :first AND :last AND {CHUNK_OF_ROWS}
"""  # noqa: S608
_NETWORKS = """
SELECT r.kind, count(*) FROM stage.rows AS r CROSS JOIN stage.met AS m ON m.ordinal = r.ordinal
WHERE r.skip IS NULL AND NOT m.known {} GROUP BY r.kind
"""
_ROWS = "SELECT kind, origin, count(*) FROM stage.marked WHERE TRUE {} GROUP BY kind, origin"
_OF_NETWORK = "AND key = :key AND prefix_length = :prefix_length"
_COUNT = f"""
SELECT e.origin, count(*) {{source}} AND {{conditions}} AND {LIVE} AND {COUNTED} GROUP BY e.origin
"""


class RemovalStage(Stage):
    """The networks of which a removal takes at least one entry."""

    def __init__(
        self, database: Database, connection: sqlite3.Connection, wanted: Filter, lists: int
    ) -> None:
        super().__init__(database, connection)
        self._filter = wanted
        self._parts = {"source": _WHOLE_LIST, "conditions": wanted.conditions}
        self._lists = lists
        for statement in (*ROWS.format(schema="stage.").split(";")[:-1], _MARKED):
            connection.execute(statement)
        if wanted.networks is not None:
            self._parts["source"] = _NAMED
            connection.execute(_WANTED)
            connection.executemany("INSERT INTO stage.wanted VALUES (?, ?)", wanted.networks)

    def count(self, boot_ms: int) -> dict[str, int]:
        """The number of entries that the removal would take, by origin."""
        return self._count(self._filter, boot_ms)

    def spared(self, boot_ms: int) -> int:
        """The number of matching entries of the fleet, which are kept."""
        spared = self._filter.spared
        return 0 if spared is None else sum(self._count(spared, boot_ms).values())

    def select(self, staging: Staging) -> None:
        """Find the networks; reads ``node.db`` without a lock."""
        bounds = {
            "mapped_first": MAPPED_PREFIX + bytes(4),
            "mapped_last": MAPPED_PREFIX + b"\xff" * 4,
        }
        parameters = {**staging.parameters(), **self._filter.parameters, **bounds}
        self._connection.execute(_SELECT.format(**self._parts), parameters)
        self.rows = self._count_rows()

    def removed(self) -> dict[str, int]:
        """The number of marked entries, by origin."""
        query = "SELECT origin, count(*) FROM stage.marked GROUP BY origin"
        return dict(self._connection.execute(query))

    def networks(self) -> int:
        """The number of networks of which an entry is removed."""
        query = "SELECT count(*) FROM stage.rows WHERE skip IS NULL"
        return int(self._connection.execute(query).fetchone()[0])

    def tally(self, network: Network | None = None) -> Tally:
        """See `Stage`."""
        tally = Tally()
        one, its, of = "", "", dict[str, object]()
        if network is not None:
            one, its = OF_ONE, _OF_NETWORK
            of = {**network._asdict(), "ordinal": self.find(network)}
        for kind, count in self._connection.execute(_NETWORKS.format(one), of):
            tally.networks[kind] = -count
        for kind, origin, count in self._connection.execute(_ROWS.format(its), of):
            tally.rows[kind, origin] = -count
        return tally

    def _count(self, wanted: Filter, boot_ms: int) -> dict[str, int]:
        parameters = {"list": self._lists, "boot_ms": boot_ms, **wanted.parameters}
        parts = self._parts | {"conditions": wanted.conditions}
        return dict(self._connection.execute(_COUNT.format(**parts), parameters))

    def _stage(self, parameters: dict[str, object]) -> None:
        run, every = self._connection.execute, {**parameters, **self._filter.parameters}
        run(_MARK.format(**self._parts), every)
        run(_NOTE_MARKED, parameters)
        run(_LEAVE_CHANGED, parameters)
        run(_FIND_MET, parameters)
        run(_MEET, parameters)

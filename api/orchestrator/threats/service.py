"""The threats of a time window, computed on request."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select, tuple_

from api.orchestrator.database.tables.incidents import incidents
from api.orchestrator.threats import sources
from api.orchestrator.threats.grouping import Spell, Target, group
from api.orchestrator.threats.incidents import Retention, purge
from api.orchestrator.threats.sources import Attacker, Attackers, Merger, Sketch
from api.storage.database import AnyRow, Database
from dataplane.base.clock import Clock
from dataplane.base.networks import Network

INCIDENTS_MAX = 5_000
"""Number of incidents that are read, the newest ones."""
ACTIVE_MS = 90_000
"""An active incident is reported every ten seconds; without a report for so long, it
may be over."""
ATTACKERS_MAX = 100
OF_THREAT_MAX = 10
"""Sources that are shown for each threat."""
KEPT_S, KEPT_TIMES = 0.2, 4
"""A result is cached for so many seconds, or for this multiple of the time that it took."""
_KEPT_MAX = 8
_CHUNK = 200
_KEY = tuple_(incidents.c.node, incidents.c.id)
_SOURCES = select(
    incidents.c.node, incidents.c.id, incidents.c.sources, incidents.c.distinct_sources
)
_LIGHT = [each for each in incidents.c if each.name != "sources"]


@dataclass(frozen=True)
class Threat:
    """One attack, as all nodes together have seen it."""

    id: str
    type: str
    is_active: bool
    incidents: int
    nodes: Sequence[str]
    targets: Sequence[str]
    profiles: Sequence[str]
    actions: Sequence[str]
    spoofed: bool
    """The sources of all incidents are forged."""
    first_ms: int
    last_ms: int
    packets: int
    dropped: int
    peak_pps: int
    """The highest rate that one node has seen."""
    sources: Sequence[Attacker]


@dataclass(frozen=True)
class Summary:
    """All threats of a window, newest first."""

    at_ms: int
    threats: Sequence[Threat]
    attackers: Sequence[Attacker]
    is_whole: bool
    """False: there are more than `INCIDENTS_MAX` incidents in the window."""

    @property
    def types(self) -> dict[str, int]:
        """Threats by type, the most frequent first."""
        return dict(Counter(each.type for each in self.threats).most_common())


class Threats:
    """The service; safe for the threads of one worker."""

    def __init__(self, database: Database, clock: Clock, kept: Retention | None = None) -> None:
        self._database = database
        self._clock = clock
        self._retention = kept or Retention()
        self._lock = threading.Lock()
        self._kept: dict[int, tuple[float, Summary]] = {}

    def summary(self, window_s: int) -> Summary:
        """The threats that were active within the last ``window`` seconds."""
        with self._lock:
            until_s, found = self._kept.pop(window_s, (0.0, None))
            if found is None or time.monotonic() >= until_s:
                began_s = time.monotonic()
                found = self._read(window_s)
                took_s = time.monotonic() - began_s
                until_s = began_s + max(KEPT_S, KEPT_TIMES * took_s)
            while len(self._kept) >= _KEPT_MAX:
                del self._kept[next(iter(self._kept))]
            self._kept[window_s] = until_s, found
            return found

    def purge(self) -> None:
        """Delete incidents beyond the retention."""
        purge(self._database, self._clock.utc_ms(), self._retention)

    def _read(self, window_s: int) -> Summary:
        now_ms = self._clock.utc_ms()
        within = incidents.c.last_ms >= now_ms - window_s * 1000
        order = incidents.c.last_ms.desc(), incidents.c.node, incidents.c.id
        light = select(*_LIGHT).where(within).order_by(*order).limit(INCIDENTS_MAX + 1)
        with self._database.read() as connection:
            rows = list(connection.execute(light))
            is_whole = len(rows) <= INCIDENTS_MAX
            del rows[INCIDENTS_MAX:]
            groups = group([_spell(row) for row in rows])
            total: Attackers = {}
            threats = [
                _threat([rows[each] for each in members], named, now_ms)
                for members, named in _named(connection, rows, groups, total)
            ]
        threats.sort(key=lambda each: (-each.first_ms, each.id))
        return Summary(now_ms, threats, sources.top(total, ATTACKERS_MAX), is_whole)


def _named(
    connection: Connection,
    rows: Sequence[AnyRow],
    groups: Sequence[Sequence[int]],
    total: Attackers,
) -> Iterator[tuple[Sequence[int], list[Attacker]]]:
    """Each threat with its heaviest sources, which are also added to ``total``.

    Sources of spoofed floods are left out. Sources are most of an incident's data, so they are read
    for one threat after the other.
    """
    for chunk in _chunks(groups):
        sketches = _sketches(connection, [rows[each] for members in chunk for each in members])
        for members in chunk:
            merger = Merger()
            for each in members:
                sketch = sketches.get((rows[each].node, rows[each].id))
                if sketch is not None:
                    merger.add(sketch)
            named = merger.result()
            sources.add(total, named)
            yield members, sources.top(named, OF_THREAT_MAX)


def _chunks(groups: Sequence[Sequence[int]]) -> Iterator[list[Sequence[int]]]:
    """Groups of threats with about `_CHUNK` incidents together, or one threat with more."""
    chunk: list[Sequence[int]] = []
    for members in groups:
        if chunk and sum(map(len, chunk)) + len(members) > _CHUNK:
            yield chunk
            chunk = []
        chunk.append(members)
    if chunk:
        yield chunk


def _sketches(connection: Connection, rows: Sequence[AnyRow]) -> dict[tuple[str, str], Sketch]:
    keys = [(row.node, row.id) for row in rows if not row.spoofed]
    found = {}
    for start in range(0, len(keys), _CHUNK):
        query = _SOURCES.where(_KEY.in_(keys[start : start + _CHUNK]))
        for node, incident, listed, distinct in connection.execute(query):
            found[node, incident] = Sketch(listed, distinct)
    return found


def _spell(row: AnyRow) -> Spell:
    return Spell(row.type, _target(row), row.started_ms, row.last_ms)


def _target(row: AnyRow) -> Target:
    if row.target_kind in {"address", "prefix"}:
        return Network.parse(row.target)
    if row.target_kind == "port":  # one string object for all nodes
        return (row.target_kind, row.target, row.node)
    return (row.target_kind, row.target)


def _threat(rows: Sequence[AnyRow], named: Sequence[Attacker], now_ms: int) -> Threat:
    first = min(rows, key=lambda each: (each.started_ms, each.node, each.id))
    name = f"{first.node} {first.id}".encode()
    return Threat(
        id="threat_" + hashlib.sha256(name).hexdigest()[:16],
        type=first.type,
        is_active=any(each.is_active and each.last_ms >= now_ms - ACTIVE_MS for each in rows),
        incidents=len(rows),
        nodes=sorted({each.node for each in rows}),
        targets=sorted({each.target for each in rows}),
        profiles=sorted({each.profile for each in rows}),
        actions=sorted({each.action for each in rows}),
        spoofed=all(each.spoofed for each in rows),
        first_ms=first.started_ms,
        last_ms=max(each.last_ms for each in rows),
        packets=sum(each.packets for each in rows),
        dropped=sum(each.dropped for each in rows),
        peak_pps=max(each.peak_pps for each in rows),
        sources=named,
    )

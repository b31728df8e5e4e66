"""The threats of a window of time, put together when somebody asks."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from api.orchestrator.database.tables.incidents import incidents
from api.orchestrator.threats import sources
from api.orchestrator.threats.grouping import Spell, Target, group
from api.orchestrator.threats.sources import Attacker, Attackers, Merger, Sketch
from api.storage.database import AnyRow, Database
from dataplane.base.clock import Clock
from dataplane.base.networks import Network

INCIDENTS_MAX = 10_000
"""So many, the newest, are looked at."""
ACTIVE_MS = 90_000
"""An active incident is reported every ten seconds; of a node that is silent it may be over."""
ATTACKERS_MAX = 100
OF_THREAT_MAX = 10
"""Sources shown of each threat."""
KEPT_S = 1.0
_KEPT_MAX = 8
_CHUNK = 500
_LIGHT = [each for each in incidents.c if each.name != "sources"]


@dataclass(frozen=True)
class Threat:
    """One attack, however many nodes have seen it."""

    id: str
    type: str
    is_active: bool
    incidents: int
    nodes: Sequence[str]
    targets: Sequence[str]
    profiles: Sequence[str]
    actions: Sequence[str]
    spoofed: bool
    """Of all incidents the sources are forged."""
    first_ms: int
    last_ms: int
    packets: int
    dropped: int
    peak_pps: int
    """The highest that one node saw."""
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
    """For the threads of one worker."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: dict[int, tuple[float, Summary]] = {}

    def summary(self, window_s: int) -> Summary:
        """Of the threats that went on within the last so many seconds; at most `KEPT_S` old."""
        with self._lock:
            made_s, found = self._kept.pop(window_s, (-KEPT_S, None))
            if found is None or time.monotonic() - made_s >= KEPT_S:
                made_s, found = time.monotonic(), self._read(window_s)
            while len(self._kept) >= _KEPT_MAX:
                del self._kept[next(iter(self._kept))]
            self._kept[window_s] = made_s, found
            return found

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
            named = _attackers(connection, rows, groups)
        total: Attackers = {}
        for each in named:
            sources.add(total, each)
        threats = [
            _threat([rows[each] for each in members], found, now_ms)
            for members, found in zip(groups, named, strict=True)
        ]
        threats.sort(key=lambda each: (-each.first_ms, each.id))
        return Summary(now_ms, threats, sources.top(total, ATTACKERS_MAX), is_whole)


def _attackers(
    connection: Connection, rows: Sequence[AnyRow], groups: Sequence[Sequence[int]]
) -> list[Attackers]:
    """Of each threat; what spoofed floods name is left out.

    Sources are most of what is kept of an incident, so they are read one after the other.
    """
    found = [Merger() for _ in groups]
    by_key = {(row.node, row.id): number for number, row in enumerate(rows)}
    threat_of = {each: threat for threat, members in enumerate(groups) for each in members}
    oldest_ms = min((row.last_ms for row in rows), default=0)
    wanted = ~incidents.c.spoofed & (incidents.c.last_ms >= oldest_ms)
    columns = incidents.c.node, incidents.c.id, incidents.c.sources, incidents.c.distinct_sources
    query = select(*columns).where(wanted).execution_options(yield_per=_CHUNK)
    for row in connection.execute(query):
        number = by_key.get((row.node, row.id))
        if number is not None:
            sketch = Sketch([tuple(each) for each in row.sources], row.distinct_sources)
            found[threat_of[number]].add(sketch)
    return [each.result() for each in found]


def _spell(row: AnyRow) -> Spell:
    return Spell(row.type, _target(row), row.started_ms, row.last_ms)


def _target(row: AnyRow) -> Target:
    if row.target_kind in {"address", "prefix"}:
        return Network.parse(row.target)
    if row.target_kind == "port":  # the same word for each node
        return (row.target_kind, row.target, row.node)
    return (row.target_kind, row.target)


def _threat(rows: Sequence[AnyRow], named: Attackers, now_ms: int) -> Threat:
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
        sources=sources.top(named, OF_THREAT_MAX),
    )

"""Sample packets of an attack for analysis; the number for each attack is bounded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import func, insert, select

from api.agent.recording.journal.journal import Journal
from api.history.tables import captures
from dataplane.base.clock import Clock
from dataplane.shared.captures import Capture
from dataplane.shared.incidents import Incident

INCIDENT_MAX = 1_000
"""Limit for one attack."""
TURN_MAX = 64
"""Limit for each lcore and turn; further packets are left out."""
_NS_PER_MS = 1_000_000


class CaptureKeeper:
    """Used by the recording thread only."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock
        self._kept: dict[str, int] = {}
        """Number of packets in the database for each active attack."""

    def turn(self, found: Iterable[Capture], active: Mapping[str, Incident]) -> None:
        """Store packets of active attacks; raises `StorageError`, and then they are lost."""
        self._kept = {key: count for key, count in self._kept.items() if key in active}
        rows: list[dict[str, Any]] = []
        for capture in found:
            incident = _of(capture, active.values())
            if incident is not None and self._has_room(incident.id):
                self._kept[incident.id] += 1
                rows.append(self._row(capture, incident.id))
        if rows:
            with self._journal.write() as connection:
                connection.execute(insert(captures), rows)

    def _has_room(self, incident_id: str) -> bool:
        if incident_id not in self._kept:
            query = select(func.count()).where(captures.c.incident_id == incident_id)
            with self._journal.read() as connection:
                self._kept[incident_id] = connection.execute(query).scalar_one()
        return self._kept[incident_id] < INCIDENT_MAX

    def _row(self, capture: Capture, incident_id: str) -> dict[str, Any]:
        ago_ns = self._clock.boot_ms() * _NS_PER_MS - capture.boot_ns
        return {
            "incident_id": incident_id,
            "at_ns": self._clock.utc_ms() * _NS_PER_MS - ago_ns,
            "reason": capture.reason,
            "mode": capture.mode,
            "port": capture.port,
            "length": capture.length,
            "data": capture.data,
        }


def _of(capture: Capture, active: Iterable[Incident]) -> Incident | None:
    """The attack on the smallest target that contains the packet's address."""
    address = capture.protected
    if address is None:
        return None
    on = [each for each in active if each.network is not None and each.network.contains(address)]
    if not on:
        return None
    return max(on, key=lambda each: each.network.prefix_length if each.network else 0)

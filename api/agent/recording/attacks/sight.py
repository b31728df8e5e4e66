"""Reads the data plane's table of incidents: the changes, and at intervals the whole table."""

from __future__ import annotations

from api.agent.link import Observer
from api.agent.recording.attacks.captures import TURN_MAX
from api.agent.recording.attacks.incidents import Sight
from dataplane.base.clock import Clock
from dataplane.shared.captures import Seen

WHOLE_MS = 2_000
"""Interval of complete readings: to decode 256 incidents ten times a second would cost too much."""
OVERLAP_MS = 1_000
"""Overlap of two readings, for incidents that were being written during the first."""


class TableSight:
    """Used by the recording thread only."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lease: Observer | None = None
        self._instance = ""
        self._looked_ms = self._whole_ms = 0
        self._seen: Seen = {}

    def look(self, lease: Observer) -> Sight:
        """Read the table; raises DataplaneAwayError."""
        now_ms = self._clock.boot_ms()
        if lease is not self._lease:
            self._lease, self._whole_ms, self._seen = lease, 0, {}
            self._instance = f"{self._clock.boot_id()}:{lease.stats().pid}"
        is_whole = now_ms - self._whole_ms >= WHOLE_MS
        since_ms = 0 if is_whole else self._looked_ms - OVERLAP_MS
        found = lease.incidents(since_ms)
        self._looked_ms = now_ms
        if is_whole:
            self._whole_ms = now_ms
        captured, self._seen = lease.captures(self._seen, TURN_MAX)
        return Sight(self._instance, found, is_whole, captured)

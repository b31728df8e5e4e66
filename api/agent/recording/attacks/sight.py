"""Looks at the data plane's table of incidents: at what has changed, and now and then at all."""

from __future__ import annotations

from api.agent.link import Observer
from api.agent.recording.attacks.captures import TURN_MAX
from api.agent.recording.attacks.incidents import Sight
from dataplane.base.clock import Clock
from dataplane.shared.captures import Seen

WHOLE_MS = 2_000
"""How often all is looked at: making 256 values ten times a second would cost too much."""
OVERLAP_MS = 1_000
"""What was written while it was read is looked at again."""


class TableSight:
    """Belongs to the thread that records."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lease: Observer | None = None
        self._instance = ""
        self._looked_ms = self._whole_ms = 0
        self._seen: Seen = {}

    def look(self, lease: Observer) -> Sight:
        """What is there to see; raises DataplaneAwayError."""
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

"""Turns events into log lines and counts; a flood of events can't become a flood of lines."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import structlog

from api.agent.tally import AgentTally
from dataplane.client import DropSample, Notice

SAMPLES_PER_S = 20
NOTICES_PER_S = 50
_WARNINGS = frozenset(
    {
        *("state_log_degraded", "rejected", "client_refused", "countries_refused"),
        "syn_proxy_on",
    }
)


@dataclass
class Budget:
    """A token bucket: so many per second, and at most that many at once."""

    rate_per_s: float
    clock: Callable[[], float]

    def __post_init__(self) -> None:
        self._tokens = self.rate_per_s
        self._at_s = self.clock()

    def take(self) -> bool:
        """Whether there is room for one more."""
        now = self.clock()
        refill = (now - self._at_s) * self.rate_per_s
        self._tokens = min(self.rate_per_s, self._tokens + refill)
        self._at_s = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class EventLog:
    """Logs every event there is room for and counts all of them."""

    def __init__(self, tally: AgentTally, clock: Callable[[], float] = time.monotonic) -> None:
        self._tally = tally
        self._samples = Budget(SAMPLES_PER_S, clock)
        self._notices = Budget(NOTICES_PER_S, clock)
        self._unsaid = 0
        self._log = structlog.get_logger("agent.events")

    def take(self, events: Sequence[DropSample | Notice]) -> None:
        """Count and log what was drained."""
        for event in events:
            self._one(event)

    def _one(self, event: DropSample | Notice) -> None:
        if isinstance(event, Notice):
            kind, budget = event.kind, self._notices
        else:
            kind, budget = "drop_sample", self._samples
        self._tally.count_event(kind)
        if not budget.take():
            self._tally.unlogged += 1
            self._unsaid += 1
            return
        if self._unsaid:
            self._log.warning("events_unlogged", count=self._unsaid)
            self._unsaid = 0
        self._write(kind, event)

    def _write(self, kind: str, event: DropSample | Notice) -> None:
        fields = asdict(event)
        fields.pop("kind", None)
        write = self._log.warning if kind in _WARNINGS else self._log.info
        write(kind, **fields)

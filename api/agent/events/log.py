"""Turns events into log lines and counters; limits the lines, so that many events do not flood the
log."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import structlog

from api.agent.metrics.tally import AgentTally
from dataplane.client import DropSample, Notice, RuleTriggered
from dataplane.waf.document import rule_id

Event: TypeAlias = DropSample | Notice | RuleTriggered

SAMPLES_PER_S = 20
NOTICES_PER_S = 50
HITS_PER_S = 50
RULE_TRIGGERED = "rule_triggered"
_WARNINGS = frozenset(
    {
        *("state_log_degraded", "rejected", "client_refused", "countries_refused"),
        *("syn_proxy_on", "compiler_lost"),
    }
)


@dataclass
class Budget:
    """A token bucket: so many tokens per second, and at most ``at_once`` of them together."""

    rate_per_s: float
    clock: Callable[[], float]
    at_once: float | None = None

    def __post_init__(self) -> None:
        self._room = self.rate_per_s if self.at_once is None else self.at_once
        self._tokens = self._room
        self._at_s = self.clock()

    def take(self) -> bool:
        """Take a token; whether there was one."""
        now = self.clock()
        refill = (now - self._at_s) * self.rate_per_s
        self._tokens = min(self._room, self._tokens + refill)
        self._at_s = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class EventLog:
    """Counts every event, and logs those that the budget has room for."""

    def __init__(self, tally: AgentTally, clock: Callable[[], float] = time.monotonic) -> None:
        self._tally = tally
        self._samples = Budget(SAMPLES_PER_S, clock)
        self._notices = Budget(NOTICES_PER_S, clock)
        self._hits = Budget(HITS_PER_S, clock)
        self._unsaid = 0
        self._log = structlog.get_logger("agent.events")

    def take(self, events: Sequence[Event]) -> None:
        """Count and log drained events."""
        for event in events:
            self._one(event)

    def _one(self, event: Event) -> None:
        match event:
            case Notice():
                kind, budget = event.kind, self._notices
            case RuleTriggered():
                kind, budget = RULE_TRIGGERED, self._hits
            case DropSample():
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

    def _write(self, kind: str, event: Event) -> None:
        fields = _fields_of_hit(event) if isinstance(event, RuleTriggered) else asdict(event)
        fields.pop("kind", None)
        write = self._log.warning if kind in _WARNINGS else self._log.info
        write(kind, **fields)


def _fields_of_hit(event: RuleTriggered) -> dict[str, Any]:
    """The rule's id and what it matched; the data plane has masked secrets in it."""
    fields: dict[str, Any] = {
        "rule": rule_id(event.rule),
        "group": event.group,
        "action": event.action,
        "severity": event.severity,
        "hits": event.hits,
        "mode": event.mode,
        "client": event.client,
        "incident": event.incident,
    }
    found = event.evidence
    if found is not None:
        fields |= {
            "boot_ms": found.boot_ms,
            "profile": found.profile,
            "protected": found.protected,
            "path": found.path,
            "target": found.target,
            "line": found.line,
            "excerpt": found.excerpt,
        }
    return fields

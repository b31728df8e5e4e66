"""Turns messages of the data plane's rings into events; the number of events is bounded.

Hits of a rule become one event per rule and ten seconds. A notice becomes an event at once, up to
ten of a kind in a row; further ones of that kind are left out until the budget allows one again,
which says how many were left out. Samples of dropped packets become counts and log lines, not
events.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

from api.agent.events.log import Budget
from api.agent.recording.journal.event import RULE_TRIGGERED, Event
from dataplane.base.clock import Clock
from dataplane.client import DropSample, Notice, RuleTriggered
from dataplane.waf.document import rule_id

RingEvent: TypeAlias = DropSample | Notice | RuleTriggered

WINDOW_MS = 10_000
RULES_MAX = 256
"""Rules with an event of their own in one window; hits of all others share one event without a
rule."""
WAITING_MAX = 1_000
"""Events that wait to be recorded, for example while the disk is full; the oldest are lost and
counted."""
NOTICES_AT_ONCE, NOTICES_PER_S = 10.0, 1.0
_OTHERS = -1


Named = Callable[[int], str | None]


@dataclass
class _Hits:
    """Hits of one rule in the window, with the first hit that has evidence."""

    shown: RuleTriggered
    count: int = 0
    total: int | None = None
    """Hits since the data plane loaded the rule, as of the last hit."""


class Feed:
    """Filled by the thread that drains the rings, emptied by the recording thread."""

    def __init__(self, clock: Clock, named: Named = lambda _rule: None) -> None:
        """``named``: looks up a rule by its number; may take a moment."""
        self._clock = clock
        self._named = named
        self._lock = threading.Lock()
        self._waiting: deque[Event] = deque()
        self._hits: dict[int, _Hits] = {}
        self._window_end_ms = 0
        self._budgets: dict[str, Budget] = {}
        self._left_out: dict[str, int] = {}
        self.lost = 0
        """Events that were never recorded."""

    def take(self, found: Iterable[RingEvent]) -> None:
        """Take drained messages."""
        with self._lock:
            for each in found:
                match each:
                    case Notice():
                        self._notice(each)
                    case RuleTriggered():
                        self._hit(each)

    def add(self, event: Event) -> None:
        """Add a complete event."""
        with self._lock:
            self._append(event)

    def ready(self) -> list[Event]:
        """All events to be recorded now; hits whose window is over are among them."""
        hits = self._ripe_hits()
        made = [self._to_event(each) for each in hits]
        with self._lock:
            for each in made:
                self._append(each)
            found = list(self._waiting)
            self._waiting.clear()
        return found

    def give_back(self, found: list[Event]) -> None:
        """Put back events of `ready` that could not be recorded; they come first the next time."""
        with self._lock:
            room = max(0, WAITING_MAX - len(self._waiting))
            self.lost += max(0, len(found) - room)
            self._waiting.extendleft(reversed(found[len(found) - room :] if room else []))

    def _append(self, event: Event) -> None:
        if len(self._waiting) >= WAITING_MAX:
            self._waiting.popleft()
            self.lost += 1
        self._waiting.append(event)

    def _notice(self, notice: Notice) -> None:
        kind = notice.kind
        budget = self._budgets.get(kind)
        if budget is None:
            seconds = lambda: self._clock.boot_ms() / 1000  # noqa: E731
            budget = Budget(NOTICES_PER_S, seconds, NOTICES_AT_ONCE)
            self._budgets[kind] = budget
        if not budget.take():
            self._left_out[kind] = self._left_out.get(kind, 0) + 1
            return
        data: dict[str, Any] = {"value": notice.value}
        if notice.address:
            data["address"] = notice.address
        if kind.startswith("syn_proxy"):
            data["profile_index"] = notice.profile
        left_out = self._left_out.pop(kind, 0)
        if left_out:
            data["left_out"] = left_out
        self._append(Event(kind, self._utc_ms(notice.boot_ms), data))

    def _hit(self, hit: RuleTriggered) -> None:
        if not self._hits:
            self._window_end_ms = self._clock.boot_ms() + WINDOW_MS
        known = hit.rule in self._hits or len(self._hits) < RULES_MAX
        number = hit.rule if known else _OTHERS
        entry = self._hits.setdefault(number, _Hits(hit))
        entry.count += 1
        entry.total = hit.hits if hit.hits is not None else entry.total
        if entry.shown.evidence is None and hit.evidence is not None:
            entry.shown = hit

    def _ripe_hits(self) -> list[tuple[int, _Hits]]:
        with self._lock:
            if not self._hits or self._clock.boot_ms() < self._window_end_ms:
                return []
            ripe = list(self._hits.items())
            self._hits = {}
        return ripe

    def _to_event(self, found: tuple[int, _Hits]) -> Event:
        number, hits = found
        if number == _OTHERS:
            data: dict[str, Any] = {"rule_id": None, "rule_name": None, "hits": hits.count}
            return Event(RULE_TRIGGERED, self._clock.utc_ms(), data)
        return Event(RULE_TRIGGERED, self._clock.utc_ms(), self._hit_data(number, hits))

    def _hit_data(self, number: int, hits: _Hits) -> dict[str, Any]:
        shown = hits.shown
        data: dict[str, Any] = {
            "rule_id": rule_id(number),
            "rule_name": self._named(number),
            "group": shown.group or None,
            "severity": shown.severity,
            "action": shown.action,
            "mode": shown.mode,
            "hits": hits.count,
            "hits_total": hits.total,
            "window_seconds": WINDOW_MS // 1000,
            "client": shown.client,
            "incident_id": shown.incident or None,
        }
        found = shown.evidence
        if found is not None:
            data |= {
                "profile": found.profile,
                "host": f"{found.protected}",
                "port": found.protected_port,
                "path": _path(found.line),
                "target": found.target,
                "line": found.line,
                "excerpt": found.excerpt,
            }
        return data

    def _utc_ms(self, boot_ms: int) -> int:
        return self._clock.utc_ms() - max(0, self._clock.boot_ms() - boot_ms)


def _path(line: str) -> str | None:
    """The path of a request line, which may be cut."""
    words = line.split(" ")
    return words[1].partition("?")[0] if len(words) > 1 else None

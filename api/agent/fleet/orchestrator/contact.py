"""How it goes with the orchestrator: written by the threads that ask it, read by everybody."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace

REFUSED = "fleet_refused"
"""Reason of a degraded node: the orchestrator does not know it any more, or refuses it."""
CLOCK_OFF = "clock_off"
"""Reason of a degraded node: its clock is not the orchestrator's."""
UP_S_MAX = 45.0
"""An orchestrator that answered last longer ago is away: the longest back-off, and then some."""
CLOCK_OFF_MS = 5_000


@dataclass(frozen=True)
class ContactView:
    """At one instant."""

    is_registered: bool = False
    is_refused: bool = False
    answered_s: float | None = None
    """When it last answered as it should, on the monotonic clock; None: never."""
    answered_at_s: float = 0.0
    """The same in seconds since 1970."""
    errors: int = 0
    """Requests that failed."""
    clock_off_ms: int = 0
    """How far this node's clock is ahead of the orchestrator's."""

    def is_up(self, now_s: float) -> bool:
        """Whether it can be reached, as far as anybody knows."""
        if self.is_refused or self.answered_s is None:
            return False
        return now_s - self.answered_s <= UP_S_MAX

    def reasons(self) -> list[str]:
        """What degrades the node. An orchestrator that is away does not."""
        found = {REFUSED: self.is_refused, CLOCK_OFF: abs(self.clock_off_ms) > CLOCK_OFF_MS}
        return [reason for reason, holds in found.items() if holds]


class Contact:
    """What is known; safe for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._view = ContactView()

    def view(self) -> ContactView:
        """As it is now."""
        return self._view

    def answered(self) -> None:
        """The orchestrator did what it was asked for."""
        self._change(
            is_registered=True,
            is_refused=False,
            answered_s=time.monotonic(),
            answered_at_s=time.time(),
        )

    def failed(self) -> None:
        """A request failed."""
        with self._lock:
            self._view = replace(self._view, errors=self._view.errors + 1)

    def refused(self) -> None:
        """The orchestrator will not have this node."""
        self._change(is_refused=True)

    def forgotten(self) -> None:
        """The orchestrator does not know the node's key."""
        self._change(is_registered=False)

    def told_time(self, theirs_ms: int, ours_ms: int, took_ms: int) -> None:
        """The orchestrator said what time it is, in an answer that took so long to come.

        Args:
            theirs_ms: UTC, somewhere between request and answer.
            ours_ms: UTC at the answer.
            took_ms: between the two; what lies within it is not held against the clock.
        """
        ahead_ms, behind_ms = ours_ms - took_ms - theirs_ms, theirs_ms - ours_ms
        off_ms = max(0, ahead_ms) - max(0, behind_ms)
        self._change(clock_off_ms=off_ms)

    def _change(self, **values: object) -> None:
        with self._lock:
            self._view = replace(self._view, **values)  # type: ignore[arg-type]

"""The state of the contact with the orchestrator: written by the threads that ask it,
read by all."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace

REFUSED = "fleet_refused"
"""Reason of a degraded node: the orchestrator does not know the node any more, or refuses it."""
CLOCK_OFF = "clock_off"
"""Reason of a degraded node: its clock differs from the orchestrator's."""
UP_S_MAX = 45.0
"""An orchestrator whose last answer is older is away: somewhat longer than the longest back-off."""
CLOCK_OFF_MS = 5_000


@dataclass(frozen=True)
class ContactView:
    """The state at one instant."""

    is_registered: bool = False
    """Whether the node has joined, also before this process, and the orchestrator still knows it as
    far as it has answered."""
    is_refused: bool = False
    answered_s: float | None = None
    """Time of the last good answer, on the monotonic clock; None: never."""
    answered_at_s: float = 0.0
    """The same in seconds since 1970."""
    errors: int = 0
    """Number of failed requests."""
    clock_off_ms: int = 0
    """Difference of this node's clock from the orchestrator's; positive: it is ahead."""

    @property
    def is_known(self) -> bool:
        """Whether the orchestrator has answered this process and knows the node."""
        return self.is_registered and self.answered_s is not None

    def is_up(self, now_s: float) -> bool:
        """Whether the last good answer is recent enough."""
        if self.is_refused or self.answered_s is None:
            return False
        return now_s - self.answered_s <= UP_S_MAX

    def reasons(self) -> list[str]:
        """The reasons that degrade the node. An orchestrator that is away does not."""
        found = {REFUSED: self.is_refused, CLOCK_OFF: abs(self.clock_off_ms) > CLOCK_OFF_MS}
        return [reason for reason, holds in found.items() if holds]


class Contact:
    """The state of the contact; safe for several threads."""

    def __init__(self, *, is_registered: bool = False) -> None:
        """``is_registered``: whether an earlier process has joined."""
        self._lock = threading.Lock()
        self._view = ContactView(is_registered=is_registered)

    def view(self) -> ContactView:
        """The state now."""
        return self._view

    def answered(self) -> None:
        """Record a successful request."""
        self._change(
            is_registered=True,
            is_refused=False,
            answered_s=time.monotonic(),
            answered_at_s=time.time(),
        )

    def failed(self) -> None:
        """Record a failed request."""
        with self._lock:
            self._view = replace(self._view, errors=self._view.errors + 1)

    def refused(self) -> None:
        """Record that the orchestrator refuses this node."""
        self._change(is_refused=True)

    def forgotten(self) -> None:
        """Record that the orchestrator does not know the node's key."""
        self._change(is_registered=False)

    def told_time(self, theirs_ms: int, ours_ms: int, took_ms: int) -> None:
        """Record the orchestrator's time from an answer.

        Args:
            theirs_ms: UTC, at some moment between request and answer.
            ours_ms: UTC at the answer.
            took_ms: time between both; a difference up to this is not counted as clock error.
        """
        ahead_ms, behind_ms = ours_ms - took_ms - theirs_ms, theirs_ms - ours_ms
        off_ms = max(0, ahead_ms) - max(0, behind_ms)
        self._change(clock_off_ms=off_ms)

    def _change(self, **values: object) -> None:
        with self._lock:
            self._view = replace(self._view, **values)  # type: ignore[arg-type]

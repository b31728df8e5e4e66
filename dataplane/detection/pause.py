"""The pause of detection after an error: doubled each time, until there is no error for a while."""

from __future__ import annotations

FIRST_MS, LONGEST_MS = 1_000, 60_000
CALM_MS = 300_000
"""After so long without an error the pause is the shortest again."""


class Pause:
    """Decides when detection restarts after an error. Times are those of the boot clock."""

    def __init__(self) -> None:
        self._next_ms = FIRST_MS
        self._until_ms = 0
        self.is_on = False
        """Whether detection pauses: an error has happened, and the restart has not."""

    def begin(self, boot_ms: int) -> int:
        """Record an error; returns the duration of the pause."""
        if boot_ms - self._until_ms > CALM_MS:
            self._next_ms = FIRST_MS
        pause_ms = self._next_ms
        self._next_ms = min(2 * pause_ms, LONGEST_MS)
        self._until_ms, self.is_on = boot_ms + pause_ms, True
        return pause_ms

    def lasts(self, boot_ms: int) -> bool:
        """Whether the pause lasts."""
        return self.is_on and boot_ms < self._until_ms

    def ends(self) -> bool:
        """Record that detection runs; returns whether it did not before."""
        was_on, self.is_on = self.is_on, False
        return was_on

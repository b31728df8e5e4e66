"""How long detection pauses after a fault: each time twice as long, until it is calm."""

from __future__ import annotations

FIRST_MS, LONGEST_MS = 1_000, 60_000
CALM_MS = 300_000
"""After so long without a fault the next one is a first one."""


class Pause:
    """Times are the boot clock's."""

    def __init__(self) -> None:
        self._next_ms = FIRST_MS
        self._until_ms = 0
        self.is_on = False
        """Since a fault, until it runs again."""

    def begin(self, boot_ms: int) -> int:
        """There was a fault; returns for how long it pauses."""
        if boot_ms - self._until_ms > CALM_MS:
            self._next_ms = FIRST_MS
        pause_ms = self._next_ms
        self._next_ms = min(2 * pause_ms, LONGEST_MS)
        self._until_ms, self.is_on = boot_ms + pause_ms, True
        return pause_ms

    def lasts(self, boot_ms: int) -> bool:
        """Whether there is still some of it left."""
        return self.is_on and boot_ms < self._until_ms

    def ends(self) -> bool:
        """It runs; whether it did not before."""
        was_on, self.is_on = self.is_on, False
        return was_on

"""When something is tried again: twice as late each time, up to a limit, never quite together."""

from __future__ import annotations

import random
from dataclasses import dataclass

SPREAD = 0.2
"""Of the wait, at most so much more or less, so that what failed together comes back apart."""
_DOUBLINGS_MAX = 32


@dataclass(frozen=True)
class BackOff:
    """From ``first_s`` to ``last_s`` seconds."""

    first_s: float = 1.0
    last_s: float = 3600.0

    def wait_ms(self, failures: int, chance: float | None = None) -> int:
        """Milliseconds after so many failures in a row, one or more.

        ``chance``: from 0 to 1, instead of a random number.
        """
        wait_s = min(self.first_s * (1 << min(failures - 1, _DOUBLINGS_MAX)), self.last_s)
        part = random.random() if chance is None else chance  # noqa: S311 - no secret
        return round(wait_s * 1000 * (1 - SPREAD + 2 * SPREAD * part))

    @property
    def longest_ms(self) -> int:
        """No wait is longer."""
        return round(self.last_s * 1000 * (1 + SPREAD))

"""Back-off with jitter: doubles the wait each time, up to a limit."""

from __future__ import annotations

import random
from dataclasses import dataclass

SPREAD = 0.2
"""Relative jitter of the wait, so that messages that failed together are not tried
together again."""
_DOUBLINGS_MAX = 32


@dataclass(frozen=True)
class BackOff:
    """A back-off from ``first_s`` to ``last_s`` seconds."""

    first_s: float = 1.0
    last_s: float = 3600.0

    def wait_ms(self, failures: int, chance: float | None = None) -> int:
        """The wait in milliseconds after so many failures in a row, one or more.

        ``chance``: from 0 to 1, replaces the random number.
        """
        wait_s = min(self.first_s * (1 << min(failures - 1, _DOUBLINGS_MAX)), self.last_s)
        part = random.random() if chance is None else chance  # noqa: S311 - no secret
        return round(wait_s * 1000 * (1 - SPREAD + 2 * SPREAD * part))

    @property
    def longest_ms(self) -> int:
        """Upper bound of all waits."""
        return round(self.last_s * 1000 * (1 + SPREAD))

"""Rate limits in memory: a moving window per key or source.

They are lost with the process, on purpose: a limit is no state that a restart would have to keep.
"""

from __future__ import annotations

import time

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from api.common.errors import TooManyRequestsError


class RateLimit:
    """So many a minute for each subject."""

    def __init__(self, name: str, per_minute: int) -> None:
        self._name = name
        self._item = RateLimitItemPerMinute(per_minute)
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def spend(self, subject: str) -> None:
        """Count one; over the limit: `TooManyRequestsError`, which says when to come back."""
        if not self._limiter.hit(self._item, self._name, subject):
            raise self._refusal(subject)

    def check(self, subject: str) -> None:
        """Refuse like `spend` if nothing is left, but count nothing."""
        if not self._limiter.test(self._item, self._name, subject):
            raise self._refusal(subject)

    def _refusal(self, subject: str) -> TooManyRequestsError:
        window = self._limiter.get_window_stats(self._item, self._name, subject)
        return TooManyRequestsError(
            f"more than {self._item.amount} {self._name} in a minute",
            retry_after_s=int(window.reset_time - time.time()) + 1,
        )

"""Rate limits in memory: a sliding minute per key or source, on the monotonic clock.

They are lost with the process on purpose: limits need not survive a restart.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from math import ceil
from typing import Literal, NamedTuple

from api.common.contract.errors import FieldError, TooManyRequestsError

WINDOW_S = 60.0
SUBJECTS_MAX = 10_000
"""Beyond this number, the subject that has been idle longest is forgotten."""


class Named(NamedTuple):
    """The subject of a limit, with its name for operators."""

    field: Literal["key", "source"]
    value: str

    def __str__(self) -> str:
        return f"the {self.field} {self.value if self.field == 'source' else repr(self.value)}"


class RateLimit:
    """Requests per minute for each subject; safe for several threads."""

    def __init__(self, name: str, per_minute: int) -> None:
        self._name = name
        self._per_minute = per_minute
        self._lock = threading.Lock()
        self._spent: OrderedDict[str, deque[float]] = OrderedDict()

    def spend(self, subject: str, named: Named) -> None:
        """Count one request.

        Over the limit: `TooManyRequestsError` with the time to wait.
        """
        with self._lock:
            times = self._recent(subject)
            self._refuse_if_over(times, named)
            times.append(time.monotonic())

    def check(self, subject: str, named: Named) -> None:
        """The same as `spend`, but counts nothing."""
        with self._lock:
            self._refuse_if_over(self._recent(subject), named)

    def _recent(self, subject: str) -> deque[float]:
        times = self._spent.setdefault(subject, deque())
        self._spent.move_to_end(subject)
        if len(self._spent) > SUBJECTS_MAX:
            self._spent.popitem(last=False)
        begin = time.monotonic() - WINDOW_S
        while times and times[0] <= begin:
            times.popleft()
        return times

    def _refuse_if_over(self, times: deque[float], named: Named) -> None:
        if len(times) >= self._per_minute:
            limit = f"{self._per_minute} {self._name} in a minute"
            message = f"{named}: more than {limit}"
            raise TooManyRequestsError(
                message,
                errors=[FieldError(named.field, named.value, limit, message)],
                retry_after_s=ceil(times[0] + WINDOW_S - time.monotonic()),
            )

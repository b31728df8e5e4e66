"""Starts a new generation of the state log when the data plane can't read the present one.

``node.db`` has everything that the log has. On a disk that damages what is written, this must not
become a loop: a generation gets a minute to be read, and the interval of attempts grows up to an
hour, until the log has been readable for as long as the next interval.
"""

from __future__ import annotations

from api.management.dataplane import Dataplane
from api.management.revisions.back_off import BackOff
from api.management.revisions.publisher import Publisher
from dataplane.base.clock import Clock
from dataplane.base.errors import DataplaneAwayError

STATE_LOG = "state_log"
READ_MS_MAX = 60_000
"""While a data plane loads a generation of a million entries, it is degraded."""
BACK_OFF_MS_MAX = 3_600_000
WHY = "the data plane can't read it"


class Renewal:
    """Checks the data plane at every turn of the housekeeping."""

    def __init__(self, publisher: Publisher, dataplane: Dataplane, clock: Clock) -> None:
        self._publisher = publisher
        self._dataplane = dataplane
        self._clock = clock
        self._back_off = BackOff(READ_MS_MAX, BACK_OFF_MS_MAX)
        self._readable_ms = -1

    def turn(self) -> None:
        """Renew the log if necessary. Raises the errors of writing it."""
        try:
            degraded = self._dataplane.stats().degraded
        except DataplaneAwayError:
            return
        now_ms = self._clock.boot_ms()
        if STATE_LOG not in degraded:
            self._readable_ms = now_ms
            if not self._back_off.left_ms(now_ms):
                self._back_off.reset()
        elif not self._back_off.left_ms(now_ms) and not self._is_loading(now_ms):
            self._renew(now_ms)

    def _is_loading(self, now_ms: int) -> bool:
        """Whether a new generation may not have been read yet."""
        began_ms = self._publisher.began_ms
        return began_ms > self._readable_ms and now_ms < began_ms + READ_MS_MAX

    def _renew(self, now_ms: int) -> None:
        tried = True
        try:
            tried = self._publisher.renew(WHY)
        finally:
            if tried:
                self._back_off.tried(now_ms)

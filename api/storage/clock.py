"""The database's clock, which rules where several orchestrators share a database.

Asking it each time would cost every request a turn. So it is asked once a second, and what lies
between is this host's monotonic clock, which no step of its wall clock moves.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from uuid import UUID

from sqlalchemy import BigInteger, cast, func, select

from api.storage.database import Database
from dataplane.base.clock import Clock

ASK_S = 1.0
STALE_S = 2 * ASK_S
_NOW = select(cast(func.extract("epoch", func.clock_timestamp()) * 1000, BigInteger))


class DatabaseClock:
    """A `Clock` whose UTC is PostgreSQL's, to within the time that a question takes."""

    def __init__(
        self, database: Database, host: Clock, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """Asks nothing yet."""
        self._database = database
        self._host = host
        self._monotonic = monotonic
        self._known: tuple[float, float] | None = None
        """When it was asked, by the monotonic clock, and what is to be added to that, in ms."""

    def boot_id(self) -> UUID:
        """This host's."""
        return self._host.boot_id()

    def boot_ms(self) -> int:
        """This host's."""
        return self._host.boot_ms()

    def utc_ms(self) -> int:
        """At most `ASK_S` away from the last look at it. Raises `StorageError`."""
        known = self._known
        if known is None or self._monotonic() - known[0] >= ASK_S:
            known = self._ask()
        return round(self._monotonic() * 1000 + known[1])

    def utc_ms_at_hand(self) -> int | None:
        """The same without asking; None: it was not asked for `STALE_S`."""
        known = self._known
        if known is None or self._monotonic() - known[0] >= STALE_S:
            return None
        return round(self._monotonic() * 1000 + known[1])

    def _ask(self) -> tuple[float, float]:
        with self._database.peek() as connection:
            before = self._monotonic()
            now_ms = connection.execute(_NOW).scalar_one()
            after = self._monotonic()
        known = (after, now_ms - (before + after) * 500)
        self._known = known
        return known


def utc_ms_at_hand(clock: Clock) -> int | None:
    """The time by any clock, if that takes no question to a database."""
    return clock.utc_ms_at_hand() if isinstance(clock, DatabaseClock) else clock.utc_ms()

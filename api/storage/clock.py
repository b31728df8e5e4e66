"""The database's clock, the reference where several orchestrators share a database.

A query each time would cost every request a round trip. So the clock is read once a second; in
between, this host's monotonic clock counts, which no change of its wall clock affects.
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
    """A `Clock` whose UTC is that of PostgreSQL, to within the duration of a query."""

    def __init__(
        self, database: Database, host: Clock, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """Sends no query yet."""
        self._database = database
        self._host = host
        self._monotonic = monotonic
        self._known: tuple[float, float] | None = None
        """Monotonic time of the last query, and the offset to be added, in ms."""

    def boot_id(self) -> UUID:
        """The boot id of this host."""
        return self._host.boot_id()

    def boot_ms(self) -> int:
        """The boot clock of this host."""
        return self._host.boot_ms()

    def utc_ms(self) -> int:
        """The time; the last query is at most `ASK_S` ago. Raises `StorageError`."""
        known = self._known
        if known is None or self._monotonic() - known[0] >= ASK_S:
            known = self._ask()
        return round(self._monotonic() * 1000 + known[1])

    def utc_ms_at_hand(self) -> int | None:
        """The time without a query; None: the last query is more than `STALE_S` ago."""
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
    """The time of any clock, if no query is needed."""
    return clock.utc_ms_at_hand() if isinstance(clock, DatabaseClock) else clock.utc_ms()

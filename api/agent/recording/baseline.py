"""Builds the baseline of profiles: sums up the data plane's periods, and writes them every minute.

Unwritten values are lost with the process: at most a minute. Old weeks lose weight: when an hour of
the week has `PERIODS_MAX` periods, all its counts are halved. Removed profiles are kept while there
is room.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from sqlalchemy import ColumnElement, Connection, delete, select, update
from sqlalchemy.dialects.sqlite import insert

from api.agent.recording.journal.journal import Journal
from api.history.rates import ATTACKED, PERIOD_S, PERIODS, bucket_of, hour_of_week
from api.history.tables import baseline
from dataplane.shared.incidents import BaselinePeriod, ProfileRates

LOOK_S, WRITE_S = 1.0, 60.0
WEEKS_MAX = 8
PERIODS_MAX = WEEKS_MAX * 3600 // PERIOD_S
"""Periods of a profile in an hour of the week, before its counts are halved."""
PROFILES_MAX = 128
"""Stored profiles; beyond that, each write removes one profile that is not in force."""

Cell = tuple[str, int, str, int]
"""Profile, hour of the week, metric, bucket."""


class BaselineKeeper:
    """Used by the recording thread only. ``look``: reads the last complete period; None: away."""

    def __init__(self, journal: Journal, look: Callable[[], BaselinePeriod | None]) -> None:
        self._journal = journal
        self._look = look
        self._number: int | None = None
        self._pending: Counter[Cell] = Counter()
        self._in_force: set[str] = set()
        self._is_crowded = True
        self._look_s = 0.0
        self._write_s = 0.0

    def turn(self, now_s: float, now_ms: int) -> None:
        """Read and write if it is time to; raises `StorageError`, and then keeps its values."""
        if now_s >= self._look_s:
            self._look_s = now_s + LOOK_S
            self._take(self._look(), now_ms)
        if not self._pending:
            self._write_s = now_s + WRITE_S
        elif now_s >= self._write_s:
            self._write()

    def _take(self, period: BaselinePeriod | None, now_ms: int) -> None:
        """Add a period. The first one after a start is skipped: an earlier agent may have written
        it."""
        if period is None or period.number in {0, self._number}:
            return
        is_first, self._number = self._number is None, period.number
        names = {profile.name for profile in period.profiles}
        self._is_crowded |= bool(names - self._in_force)
        self._in_force = names
        if is_first:
            return
        hour = hour_of_week(now_ms)
        for profile in period.profiles:
            self._pending.update(_cells(profile, hour))

    def _write(self) -> None:
        with self._journal.write() as connection:
            _add(connection, self._pending)
            for profile, hour in {(cell[0], cell[1]) for cell in self._pending}:
                _fade(connection, profile, hour)
            if self._is_crowded:
                self._is_crowded = _make_room(connection, self._in_force)
        self._pending.clear()


def _cells(profile: ProfileRates, hour: int) -> Iterable[Cell]:
    if profile.is_attacked:
        yield profile.name, hour, ATTACKED, 0
        return
    yield profile.name, hour, PERIODS, 0
    for metric, rate in profile.rates.items():
        if rate:
            yield profile.name, hour, metric, bucket_of(rate)


def _add(connection: Connection, counted: Counter[Cell]) -> None:
    names = ("profile", "hour_of_week", "metric", "bucket")
    rows = [
        {**dict(zip(names, cell, strict=True)), "count": count} for cell, count in counted.items()
    ]
    statement = insert(baseline)
    total = baseline.c.count + statement.excluded.count
    connection.execute(
        statement.on_conflict_do_update(index_elements=list(names), set_={"count": total}), rows
    )


def _fade(connection: Connection, profile: str, hour: int) -> None:
    cell = (baseline.c.profile == profile, baseline.c.hour_of_week == hour)
    if _periods(connection, cell) < PERIODS_MAX:
        return
    # A count of 1 becomes 0 and is removed: rates that occurred once are forgotten first.
    connection.execute(delete(baseline).where(*cell, baseline.c.count < 2))  # noqa: PLR2004
    connection.execute(update(baseline).where(*cell).values(count=baseline.c.count // 2))


def _periods(connection: Connection, cell: Iterable[ColumnElement[bool]]) -> int:
    query = select(baseline.c.count).where(*cell, baseline.c.metric == PERIODS)
    return connection.execute(query).scalar() or 0


def _make_room(connection: Connection, in_force: set[str]) -> bool:
    """Remove a profile that is not in force if there are too many; returns whether
    there still are."""
    known = set(connection.execute(select(baseline.c.profile).distinct()).scalars())
    gone = sorted(known - in_force)
    if len(known) <= PROFILES_MAX or not gone:
        return False
    connection.execute(delete(baseline).where(baseline.c.profile == gone[0]))
    return len(known) - 1 > PROFILES_MAX

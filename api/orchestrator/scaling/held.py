"""A job that this process runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, select

from api.orchestrator.database.tables.jobs import jobs
from api.orchestrator.scaling import rows
from api.storage.database import AnyRow, Database
from dataplane.base.clock import Clock
from dataplane.base.errors import SecBeatError

RENEW_S = 5.0
LINES_MAX = 1000
"""Log lines for each attempt."""


class LostError(SecBeatError):
    """The lease has run out and another process has the job, or this process is to end."""


class CancelledError(SecBeatError):
    """A cancellation of the job was requested."""


class Held:
    """One attempt at a job. Every write checks in its transaction that this process still owns the
    job: an owner that was stopped for a minute changes nothing any more."""

    def __init__(
        self, database: Database, clock: Clock, row: AnyRow, ends: Callable[[], bool]
    ) -> None:
        """``ends``: whether this process is to end; the job then waits for another one."""
        self.row = row
        self.job: str = row.id
        self.database = database
        self.clock = clock
        self._ends = ends
        self._heeds_cancel = True
        self._lines = 0
        self._renewed_s = time.monotonic()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction of the job's owner, which extends the lease; raises `LostError`."""
        with self.database.write() as connection:
            if not rows.renew(connection, self.row, self.clock.utc_ms()):
                raise LostError(f"job {self.job!r} is another process's by now")
            yield connection
        self._renewed_s = time.monotonic()

    def say(self, message: str) -> None:
        """Write a line of the log."""
        self._lines += 1
        if self._lines <= LINES_MAX:
            with self.write() as connection:
                rows.say(connection, self.job, message, self.clock.utc_ms())

    def go_on(self) -> None:
        """Check that the job may go on; call every few seconds. Raises `LostError` or
        `CancelledError`."""
        if self._ends():
            raise LostError("this process ends")
        if self._heeds_cancel and self._is_cancelled():
            raise CancelledError(f"job {self.job!r} is cancelled")
        if time.monotonic() - self._renewed_s > RENEW_S:
            with self.write():
                pass

    def hear(self, progress: str | None) -> None:
        """The callback for the provisioner."""
        self.go_on()
        if progress is not None:
            self.say(progress)

    def release(self) -> None:
        """Release the job for another process."""
        with self.database.write() as connection:
            rows.release(connection, self.row)

    def unwind(self) -> None:
        """From now on the job only removes what it has created, whether it is cancelled or not."""
        self._heeds_cancel = False

    def finish(self, state: str, error: str | None) -> None:
        """Record the end of the job."""
        with self.write() as connection:
            rows.finish(connection, self.job, state, error, self.clock.utc_ms())

    def _is_cancelled(self) -> bool:
        query = select(jobs.c.cancelled_by).where(jobs.c.id == self.job)
        with self.database.read() as connection:
            return connection.execute(query).scalar() is not None

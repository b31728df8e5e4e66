"""Runs jobs, in a thread of every worker process; the lease decides which process has a job."""

from __future__ import annotations

import os
import secrets
import threading

import structlog

from api.common.contract.errors import UnavailableError
from api.common.disk import StorageError
from api.orchestrator.scaling import rows, steps
from api.orchestrator.scaling.held import CancelledError, Held, LostError
from api.orchestrator.scaling.provisioner import ProvisionerError
from api.orchestrator.scaling.steps import Means
from api.storage.database import AnyRow, Database
from dataplane.base.clock import Clock

LOOK_S = 1.0
ATTEMPTS_MAX = 5
"""A job is given up after so many processes that ran it have ended."""
_STOP_S = 10.0
_FAILURES = (ProvisionerError, UnavailableError)

log = structlog.get_logger(__name__)


class Worker:
    """Looks for a job each second and runs it to its end."""

    def __init__(self, database: Database, clock: Clock, means: Means) -> None:
        self._database = database
        self._clock = clock
        self.means = means
        self._owner = f"{means.host}/{os.getpid()}/{secrets.token_hex(4)}"
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run, name="scaling", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread soon; its job waits for another process."""
        self._ends.set()
        if self._thread.ident is not None:
            self._thread.join(_STOP_S)

    def turn(self) -> bool:
        """Run the open job if it has no owner; returns whether there was one."""
        row = self._claim()
        if row is None:
            return False
        held = Held(self._database, self._clock, row, self._ends.is_set)
        log.info("a job begins", job=row.id, attempt=row.attempt)
        try:
            self._work(held)
        except LostError as exc:
            log.warning("a job is left to others", job=row.id, why=str(exc))
            held.release()
        return True

    def _claim(self) -> AnyRow | None:
        now_ms = self._clock.utc_ms()
        with self._database.read() as connection:  # nearly always there is nothing to write
            if not rows.is_free(connection, now_ms):
                return None
        with self._database.write() as connection:
            return rows.claim(connection, self._owner, now_ms)

    def _work(self, held: Held) -> None:
        held.say(f"attempt {held.row.attempt}")
        grows = held.row.action == "scale_up"
        state, error = "succeeded", None
        try:
            if held.row.attempt > ATTEMPTS_MAX:
                raise ProvisionerError(
                    f"given up: {ATTEMPTS_MAX} processes ended while they ran it"
                )
            (steps.grow if grows else steps.shrink)(held, self.means)
        except CancelledError:
            state = "cancelled"
        except StorageError:
            raise  # an error of the database: the job waits until it works again
        except _FAILURES as exc:
            state, error = "failed", str(exc)
        if state != "succeeded":
            error = self._unwind(held, grows, error)
        held.finish(state, error)

    def _unwind(self, held: Held, grows: bool, error: str | None) -> str | None:
        held.unwind()
        held.say(error or "cancelled")
        left = steps.take_back(held, self.means) if grows else steps.keep(held)
        return "; ".join(each for each in (error, left) if each) or None

    def _run(self) -> None:
        while not self._ends.wait(LOOK_S):
            try:
                self.turn()
            except StorageError as exc:
                log.warning("jobs can't be looked at", why=str(exc))
            except Exception:
                log.exception("a job has ended this attempt")  # and its lease expires

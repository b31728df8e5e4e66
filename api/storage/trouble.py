"""Tracks whether durable writes are possible, for the gate, readiness and status.

A write that fails because of the storage is reported here (`failed`). From then on writes are
refused without access to the disk, until a probe succeeds and pending work is done. The probe runs
in the background: every 30 s; at once when the file system reports that it is full or read-only;
and while there is trouble after 1, 2, then every 4 s, or later after a try that took long.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog

from api.common.disk import StorageError, free_bytes, looks_writable, probe, written

PROBE_S = 30.0
BACK_OFF_S_MIN, BACK_OFF_S_MAX = 1.0, 4.0
_REST = 9
"""After a long try, for example to write a large snapshot, the pause is this multiple of its
duration."""
CAUSE = "storage"
"""A reason in `GET /status`."""

log = structlog.get_logger(__name__)


class Storage:
    """The directories of one process, and the present trouble with them."""

    def __init__(
        self,
        directories: Sequence[Path],
        catch_up: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
        *,
        places: Sequence[str] = (),
    ) -> None:
        """`places`: other storage that `catch_up` checks, for example a database on
        another host."""
        self._directories = tuple(directories)
        self._places = {*map(str, directories), *places}
        self._catch_up = catch_up
        self._clock = clock
        self._lock = threading.Lock()
        self._trouble: StorageError | None = None
        self._due_s = clock()
        self._back_off_s = BACK_OFF_S_MIN

    @property
    def trouble(self) -> StorageError | None:
        """The present error; None: writes can be tried."""
        return self._trouble

    def check(self) -> None:
        """Raise the present `StorageError`, if any."""
        trouble = self._trouble
        if trouble is not None:
            raise trouble.anew()

    def failed(self, error: StorageError) -> None:
        """Report a failed write; it is logged once.

        Trouble with another place, for example an import's scratch directory, is left to the
        caller.
        """
        if error.place in self._places and not error.is_passing:
            self._mark(error)

    def turn(self) -> None:
        """In the background: probe if it is time to, and catch up once it works again."""
        began_s = self._clock()
        if began_s < self._due_s and (self._trouble or self._looks_well()):
            return
        try:
            for directory in self._directories:
                with written(directory):
                    directory.mkdir(parents=True, exist_ok=True)
                probe(directory)
            with written(self._directories[0]):
                self._catch_up()
        except StorageError as exc:
            self._mark(exc)
            now_s = self._clock()
            self._due_s = now_s + max(self._back_off_s, _REST * (now_s - began_s))
            self._back_off_s = min(2 * self._back_off_s, BACK_OFF_S_MAX)
        else:
            self._clear()

    def space(self) -> tuple[int, int]:
        """Free bytes and size of the fullest file system."""
        return min(map(free_bytes, self._directories))

    def _mark(self, error: StorageError) -> None:
        with self._lock:
            if self._trouble is None:
                log.error("the storage can't be written", why=str(error))
                self._back_off_s, self._due_s = BACK_OFF_S_MIN, self._clock()
            self._trouble = error.anew()  # not the error itself, which would keep its frames alive

    def _looks_well(self) -> bool:
        return all(map(looks_writable, self._directories))

    def _clear(self) -> None:
        with self._lock:
            if self._trouble is not None:
                log.info("the storage can be written again")
            self._trouble = None
            self._due_s = self._clock() + PROBE_S

"""Background work of a process, in one thread.

An area registers a duty. All workers of all orchestrators run theirs, so such a duty claims its
rows with `api.storage.statements.claim`, or is safe to run twice. A failed duty is logged and tried
again; it does not end the thread. While the storage is in trouble, only the storage is tried.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from api.common.disk import StorageError
from api.storage.trouble import Storage

TURN_S = 1.0
HUNG_S = 60.0
"""A longer turn counts as hanging."""

log = structlog.get_logger(__name__)


@dataclass
class _Duty:
    name: str
    turn: Callable[[], object]
    every_s: float
    due_s: float = 0.0


class Housekeeper:
    """The background work of one process."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._duties: list[_Duty] = []
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._turned_s = time.monotonic()

    def register(self, name: str, turn: Callable[[], object], every_s: float = TURN_S) -> None:
        """Call a function at this interval, in the order of registration; the first
        time at once."""
        self._duties.append(_Duty(name, turn, every_s))

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name="housekeeping", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread after the duty under way; idempotent."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=5)
            self._thread = None

    def works(self) -> bool:
        """Whether duties still complete, for the watchdog."""
        return time.monotonic() - self._turned_s < HUNG_S

    def goes_on(self) -> bool:
        """For a long duty, between its steps: it still works, for the watchdog. False: end it."""
        self._turned_s = time.monotonic()
        return not self._stop.is_set()

    def turn(self) -> None:
        """Run everything that is due, once."""
        self._try("probe the storage", self._storage.turn)
        for duty in self._duties:
            self._turned_s = now_s = time.monotonic()
            if self._stop.is_set() or self._storage.trouble is not None:
                break
            if now_s >= duty.due_s:
                duty.due_s = now_s + duty.every_s
                self._try(duty.name, duty.turn)
        self._turned_s = time.monotonic()

    def _run(self) -> None:
        while not self._stop.wait(TURN_S):
            self.turn()

    def _try(self, what: str, turn: Callable[[], object]) -> None:
        try:
            turn()
        except StorageError as exc:
            self._storage.failed(exc)
            log.warning("background work waits for the storage", what=what, why=str(exc))
        except Exception:
            log.exception("background work failed", what=what)

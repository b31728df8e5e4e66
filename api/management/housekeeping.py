"""What has to happen without a request: purge, publish what was left, follow rejections, compact.

One thread, one turn a second. What fails is logged and tried again; it never ends the thread.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog

from api.management.audit import service as audit
from api.management.database import Database
from api.management.lists import rows
from api.management.lists.importing.service import Importer
from api.management.receipts import Receipts
from api.management.revisions.effects import Effects
from api.management.revisions.publisher import Publisher
from dataplane.clock import Clock

TURN_S = 1.0
HUNG_S = 60.0
"""A turn that takes longer is no longer work."""
_PURGE_CHUNK = 200
_SLOW_TURNS = 600
"""Retention is looked at every ten minutes."""

log = structlog.get_logger(__name__)


class Housekeeper:
    """The background work of one process."""

    def __init__(
        self,
        database: Database,
        publisher: Publisher,
        effects: Effects,
        importer: Importer,
        receipts: Receipts,
        clock: Clock,
    ) -> None:
        self._database = database
        self._publisher = publisher
        self._effects = effects
        self._importer = importer
        self._receipts = receipts
        self._clock = clock
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._turned_at = time.monotonic()
        self._turns = 0

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._run, name="housekeeping", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End; idempotent."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=5)
            self._thread = None

    def works(self) -> bool:
        """Whether turns still come to an end: what the watchdog is told."""
        return time.monotonic() - self._turned_at < HUNG_S

    def turn(self) -> None:
        """Everything once."""
        self._try("publish", self._publisher.retry)
        self._try("follow rejections", self._effects.reconcile)
        self._try("purge entries", self._purge_entries)
        if not self._importer.busy:
            self._try("compact", self._compact)
        if self._turns % _SLOW_TURNS == 0:
            self._try("purge audit", lambda: audit.purge(self._database, self._clock.utc_ms()))
            self._try("purge receipts", self._receipts.purge)
        self._turns += 1
        self._turned_at = time.monotonic()

    def _run(self) -> None:
        while not self._stop.wait(TURN_S):
            self.turn()

    def _compact(self) -> None:
        if not self._effects.import_pending():
            self._publisher.compact()

    def _purge_entries(self) -> None:
        boot_ms = self._clock.boot_ms()
        with self._database.read() as connection:
            if not rows.any_ended(connection, boot_ms):
                return
        while not self._stop.is_set():
            with self._database.write(bulk=True) as connection:
                if rows.purge(connection, boot_ms, _PURGE_CHUNK) < _PURGE_CHUNK:
                    return

    def _try(self, what: str, action: Callable[[], object]) -> None:
        try:
            action()
        except Exception:
            log.exception("background work failed", what=what)

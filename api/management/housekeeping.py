"""Background work: purge, publish what is left, renew a damaged log, follow rejections, compact.

One thread makes one turn a second. A failed step is logged and tried again; it does not end the
thread. While the storage can't be written, only the storage is tried, at its own interval.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog

from api.access.audit import service as audit
from api.access.receipts import Receipts
from api.common.disk import StorageError
from api.management.lists import writes
from api.management.lists.bulk import SWEEP_CHUNK, Bulk
from api.management.revisions.effects import Effects
from api.management.revisions.publisher import Publisher
from api.management.revisions.renewal import Renewal
from api.management.rules import rows as rules
from api.storage.sqlite import Database
from api.storage.trouble import Storage
from dataplane.base.clock import Clock

TURN_S = 1.0
HUNG_S = 60.0
"""A longer turn counts as hanging."""
COMPACT_AGAIN_S = 600.0
"""Pause after a compaction that failed for lack of room."""
_PURGE_CHUNK = 200
_SLOW_TURNS = 600
"""Interval of the retention."""

log = structlog.get_logger(__name__)


class Housekeeper:
    """The background work of one process."""

    def __init__(
        self,
        *,
        database: Database,
        publisher: Publisher,
        renewal: Renewal,
        effects: Effects,
        bulk: Bulk,
        receipts: Receipts,
        storage: Storage,
        clock: Clock,
    ) -> None:
        self._database = database
        self._publisher = publisher
        self._renewal = renewal
        self._effects = effects
        self._bulk = bulk
        self._receipts = receipts
        self._storage = storage
        self._clock = clock
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._turned_at = time.monotonic()
        self._turns = 0
        self._compact_at = 0.0

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name="housekeeping", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread; idempotent."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=5)
            self._thread = None

    def works(self) -> bool:
        """Whether turns still complete, for the watchdog."""
        return time.monotonic() - self._turned_at < HUNG_S

    def turn(self) -> None:
        """Run all steps once."""
        self._try("probe the storage", self._storage.turn)
        if self._storage.trouble is None:
            self._work()
        self._turned_at = time.monotonic()

    def _work(self) -> None:
        self._try("publish", self._publisher.retry)
        self._try("renew the state log", self._renewal.turn)
        self._try("follow rejections", self._effects.reconcile)
        if not self._bulk.busy:
            self._try("purge entries", self._purge_entries)
            self._try("purge rules", self._purge_rules)
            self._try("sweep entries", self._sweep_entries)
            self._try("compact", self._compact)
        if self._turns % _SLOW_TURNS == 0:
            self._try("purge audit", lambda: audit.purge(self._database, self._clock.utc_ms()))
            self._try("purge receipts", self._receipts.purge)
        self._turns += 1

    def _run(self) -> None:
        while not self._stop.wait(TURN_S):
            self.turn()

    def _compact(self) -> None:
        """Compact the log. This needs room for a whole snapshot; without it, the other
        steps go on."""
        if time.monotonic() < self._compact_at or self._effects.import_pending():
            return
        try:
            self._publisher.compact()
        except StorageError as exc:
            self._compact_at = time.monotonic() + COMPACT_AGAIN_S
            log.warning("the state log can't be made shorter", why=str(exc))

    def _purge_entries(self) -> None:
        boot_ms = self._clock.boot_ms()
        with self._database.read() as connection:
            if not writes.any_ended(connection, boot_ms):
                return
        while self._may_go_on():
            with self._database.write(bulk=True) as connection:
                if writes.purge(connection, boot_ms, _PURGE_CHUNK) < _PURGE_CHUNK:
                    return

    def _purge_rules(self) -> None:
        boot_ms = self._clock.boot_ms()
        with self._database.read() as connection:
            if not rules.any_ended(connection, boot_ms):
                return
        while self._may_go_on():
            with self._database.write(bulk=True) as connection:
                if rules.purge(connection, boot_ms, _PURGE_CHUNK) < _PURGE_CHUNK:
                    return

    def _sweep_entries(self) -> None:
        """Remove rows that imports have replaced and removals have ended."""
        with self._database.read() as connection:
            if not writes.any_swept(connection):
                return
        while self._may_go_on():
            with self._database.write(bulk=True) as connection:
                if writes.sweep(connection, SWEEP_CHUNK) < SWEEP_CHUNK:
                    return

    def _may_go_on(self) -> bool:
        """During an import nothing is purged: the import would have to publish each such network
        again."""
        self._turned_at = time.monotonic()
        return not self._stop.is_set() and not self._bulk.busy

    def _try(self, what: str, action: Callable[[], object]) -> None:
        try:
            action()
        except StorageError as exc:
            self._storage.failed(exc)
        except Exception:
            log.exception("background work failed", what=what)

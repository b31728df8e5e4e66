"""What has to happen without a request: purge, publish what was left, renew a damaged log,
follow rejections, compact.

One thread, one turn a second. What fails is logged and tried again; it never ends the thread. While
the storage can't be written nothing is tried but the storage, as often as that says.
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
"""A turn that takes longer is no longer work."""
COMPACT_AGAIN_S = 600.0
"""After a compaction for which there was no room."""
_PURGE_CHUNK = 200
_SLOW_TURNS = 600
"""Retention is looked at every ten minutes."""

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
        """Needs room for a whole snapshot, without which everything else goes on."""
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
        """What an import has replaced and a removal has removed."""
        with self._database.read() as connection:
            if not writes.any_swept(connection):
                return
        while self._may_go_on():
            with self._database.write(bulk=True) as connection:
                if writes.sweep(connection, SWEEP_CHUNK) < SWEEP_CHUNK:
                    return

    def _may_go_on(self) -> bool:
        """An import would have to publish anew every network that is purged beside it."""
        self._turned_at = time.monotonic()
        return not self._stop.is_set() and not self._bulk.busy

    def _try(self, what: str, action: Callable[[], object]) -> None:
        try:
            action()
        except StorageError as exc:
            self._storage.failed(exc)
        except Exception:
            log.exception("background work failed", what=what)

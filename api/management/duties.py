"""The node's background work: publish what is left, renew a damaged log, follow rejections, purge,
compact.

During an import nothing is purged: the import would have to publish each such network again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from sqlalchemy import Connection

from api.access.audit import service as audit
from api.access.receipts import Receipts
from api.common.disk import StorageError
from api.management.lists import writes
from api.management.lists.bulk import SWEEP_CHUNK, Bulk
from api.management.revisions.effects import Effects
from api.management.revisions.publisher import Publisher
from api.management.revisions.renewal import Renewal
from api.management.rules import rows as rules
from api.storage.housekeeping import Housekeeper
from api.storage.sqlite import Database
from dataplane.base.clock import Clock

COMPACT_AGAIN_S = 600.0
"""Pause after a compaction that failed for lack of room."""
_PURGE_CHUNK = 200
_RETENTION_S = 600.0

log = structlog.get_logger(__name__)


@dataclass
class Duties:
    """What the background work of the node's API needs."""

    database: Database
    publisher: Publisher
    renewal: Renewal
    effects: Effects
    bulk: Bulk
    receipts: Receipts
    clock: Clock
    _compact_at_s: float = 0.0

    def register(self, housekeeper: Housekeeper) -> None:
        """Register all duties; without an interval they are run with every turn."""

        def add(name: str, turn: Callable[[], object], every_s: float = 0) -> None:
            housekeeper.register(name, turn, every_s)

        add("publish", self.publisher.retry)
        add("renew the state log", self.renewal.turn)
        add("follow rejections", self.effects.reconcile)
        add("purge entries", lambda: self._purge_entries(housekeeper))
        add("purge rules", lambda: self._purge_rules(housekeeper))
        add("sweep entries", lambda: self._sweep_entries(housekeeper))
        add("compact", self._compact)
        add("purge audit", self._purge_audit, _RETENTION_S)
        add("purge receipts", self.receipts.purge, _RETENTION_S)

    def _compact(self) -> None:
        """Compact the log. This needs room for a whole snapshot; without it, the other duties
        go on."""
        is_early = time.monotonic() < self._compact_at_s
        if is_early or self.bulk.busy or self.effects.import_pending():
            return
        try:
            self.publisher.compact()
        except StorageError as exc:
            self._compact_at_s = time.monotonic() + COMPACT_AGAIN_S
            log.warning("the state log can't be made shorter", why=str(exc))

    def _purge_audit(self) -> None:
        audit.purge(self.database, self.clock.utc_ms())

    def _purge_entries(self, housekeeper: Housekeeper) -> None:
        now_ms = self.clock.boot_ms()
        self._in_chunks(
            housekeeper,
            lambda connection: writes.any_ended(connection, now_ms),
            lambda connection: writes.purge(connection, now_ms, _PURGE_CHUNK) < _PURGE_CHUNK,
        )

    def _purge_rules(self, housekeeper: Housekeeper) -> None:
        now_ms = self.clock.boot_ms()
        self._in_chunks(
            housekeeper,
            lambda connection: rules.any_ended(connection, now_ms),
            lambda connection: rules.purge(connection, now_ms, _PURGE_CHUNK) < _PURGE_CHUNK,
        )

    def _sweep_entries(self, housekeeper: Housekeeper) -> None:
        """Remove rows that imports have replaced and removals have ended."""
        self._in_chunks(
            housekeeper,
            writes.any_swept,
            lambda connection: writes.sweep(connection, SWEEP_CHUNK) < SWEEP_CHUNK,
        )

    def _in_chunks(
        self,
        housekeeper: Housekeeper,
        is_needed: Callable[[Connection], bool],
        is_last: Callable[[Connection], bool],
    ) -> None:
        """Change rows in short transactions, until the last chunk, a stop or an import."""
        if self.bulk.busy:
            return
        with self.database.read() as connection:
            if not is_needed(connection):
                return
        while housekeeper.goes_on() and not self.bulk.busy:
            with self.database.write(bulk=True) as connection:
                if is_last(connection):
                    return

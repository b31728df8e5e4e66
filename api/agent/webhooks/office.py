"""All receivers: their threads, and the operators' requests about them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from api.agent.recording.journal.journal import Journal
from api.agent.webhooks import queue
from api.agent.webhooks.courier import Courier
from api.common.contract.schemas import rfc3339
from api.common.disk import StorageError
from api.history.tables import deliveries, endpoints, events
from api.webhooks.backoff import BackOff
from api.webhooks.carrier import Carrier, Key, Rules, Sender, system_tls
from api.webhooks.receivers import DEAD_SHOWN_MAX, Receivers, Standing, shown_time
from api.webhooks.settings import WebhookSettings
from dataplane.base.clock import Clock
from dataplane.base.errors import SecBeatError

COUNTS_S = 5.0
"""Maximum age of the queue figures in metrics."""


@dataclass(frozen=True)
class Counts:
    """Figures of one receiver, from the database."""

    pending: int = 0
    dead: int = 0
    oldest_ms: int | None = None
    """Time of the oldest waiting event."""


class Office:
    """All receivers, from `start` to `close`; safe for several threads."""

    def __init__(
        self,
        settings: WebhookSettings,
        journal: Journal,
        *,
        node_id: str,
        clock: Clock,
        sender: Sender | None = None,
    ) -> None:
        """``sender``: replaces the real network."""
        self.key = Key(settings)
        self._settings = settings
        self._journal = journal
        self._clock = clock
        sender = sender or Carrier(self.key, settings.allow_hosts, system_tls, clock)
        self._receivers = Receivers.of(settings, sender, clock, node_id)
        back_off = BackOff(settings.first_retry_s, settings.last_retry_s)
        rules = Rules(settings.max_retries, back_off, settings.timeout_s)
        self.couriers = {
            name: Courier(target, journal, sender, rules, node_id=node_id, clock=clock)
            for name, target in self._receivers.targets.items()
        }
        self._counts: dict[str, Counts] = {}
        self._counted_s = 0.0

    def start(self) -> None:
        """Start to deliver; makes the secret if there is none and its disk can be written.

        Raises ConfigurationError: the secret's file has invalid content.
        """
        try:
            self.key()
        except StorageError as error:
            self._journal.storage.failed(error)
        for each in self.couriers.values():
            each.start()

    def close(self) -> None:
        """End; idempotent."""
        for each in self.couriers.values():
            each.close()

    def wake(self) -> None:
        """Wake all threads: there may be new messages, or the disk can be written for the first
        time."""
        with suppress(SecBeatError):  # the caller that needs the secret reports the error
            self.key()
        for each in self.couriers.values():
            each.wake()

    def listed(self, dead_max: int) -> dict[str, Any]:
        """Receivers and the newest dead letters, as JSON; raises `StorageError`."""
        with self._journal.read() as connection:
            counts = dict(self._count(connection))
            letters = list(self._dead(connection, min(dead_max, DEAD_SHOWN_MAX)))
            rows = {row.url: row for row in connection.execute(select(endpoints))}
        found = [
            _standing(counts[name], rows.get(target.url)).body(name, target)
            for name, target in self._receivers.targets.items()
        ]
        return {
            "endpoints": found,
            "events": sorted(self._settings.events),
            "dead_total": sum(each.dead for each in counts.values()),
            "dead": letters,
        }

    def retry(self, name: str | None, event_id: str | None) -> int:
        """Send dead letters again; returns how many. Raises NotFoundError, `StorageError`."""
        urls = [each.url for each in self._receivers.chosen(name).values()]
        with self._journal.write() as connection:
            found = queue.retry(connection, urls, event_id, self._clock.utc_ms())
        self.wake()
        return found

    def test(self, name: str | None) -> list[dict[str, Any]]:
        """Send a test message to each receiver, or to one, at once; returns the results. Raises
        NotFoundError."""
        return self._receivers.test(name)

    def counts(self) -> dict[str, Counts]:
        """Figures of each receiver, at most `COUNTS_S` old while the database can be read."""
        now_s = time.monotonic()
        if now_s - self._counted_s >= COUNTS_S and self._journal.is_open:
            self._counted_s = now_s
            try:
                with self._journal.read() as connection:
                    self._counts = dict(self._count(connection))
            except StorageError:
                return self._counts
        return self._counts

    def ages_s(self) -> dict[str, float]:
        """Age of the oldest waiting message of each receiver; 0: none waits."""
        now_ms = self._clock.utc_ms()
        return {
            name: 0.0 if each.oldest_ms is None else max(0.0, (now_ms - each.oldest_ms) / 1000)
            for name, each in self.counts().items()
        }

    def _count(self, connection: Connection) -> Iterator[tuple[str, Counts]]:
        for name, courier in self.couriers.items():
            mine = deliveries.c.endpoint == courier.target.url
            query = select(func.count()).select_from(deliveries).where(mine)
            pending, dead = (
                connection.execute(query.where(deliveries.c.state == state)).scalar_one()
                for state in (queue.PENDING, queue.DEAD)
            )
            first = select(deliveries.c.created_at).where(mine, deliveries.c.state == queue.PENDING)
            oldest = connection.execute(first.order_by(deliveries.c.event_sequence).limit(1))
            yield name, Counts(pending, dead, oldest.scalar())

    def _dead(self, connection: Connection, rows_max: int) -> Iterator[dict[str, Any]]:
        names = {each.target.url: name for name, each in self.couriers.items()}
        query = (
            select(deliveries, events.c.id, events.c.kind, events.c.at)
            .join(events, events.c.sequence == deliveries.c.event_sequence)
            .where(deliveries.c.state == queue.DEAD, deliveries.c.endpoint.in_(names))
            .order_by(deliveries.c.event_sequence.desc())
            .limit(rows_max)
        )
        for row in connection.execute(query):
            yield {
                "event": row.id,
                "kind": row.kind,
                "at": rfc3339(row.at),
                "endpoint": names[row.endpoint],
                "attempts": row.attempts,
                "last_at": shown_time(row.last_at),
                "last_status": row.last_status,
                "last_error": row.last_error,
            }


def _standing(counts: Counts, row: Any) -> Standing:
    if row is None:
        return Standing(counts.pending, counts.dead)
    return Standing(
        counts.pending,
        counts.dead,
        row.failures,
        row.next_at,
        row.last_success_at,
        row.last_error,
    )

"""All receivers together: their threads, and what people may ask of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from api.agent.recording.event import TEST, new_id
from api.agent.recording.journal import Journal
from api.agent.webhooks import queue
from api.agent.webhooks.courier import Courier
from api.common.disk import StorageError
from api.common.errors import NotFoundError
from api.common.schemas import rfc3339
from api.history.tables import deliveries, endpoints, events
from api.webhooks.backoff import BackOff
from api.webhooks.carrier import Carrier, Key, Rules, Sender, system_tls
from api.webhooks.message import message
from api.webhooks.settings import ENDPOINTS_MAX, WebhookSettings
from api.webhooks.targets import Target
from dataplane.base.clock import Clock
from dataplane.base.errors import SecBeatError

DEAD_SHOWN_MAX = 1000
TEST_TIMEOUT_S = 10.0
COUNTS_S = 5.0
"""How old what metrics show of the queues may be."""


@dataclass(frozen=True)
class Counts:
    """Of one receiver, in the database."""

    pending: int = 0
    dead: int = 0
    oldest_ms: int | None = None
    """When the event happened that waits longest."""


class Office:
    """Between `start` and `close`; safe for several threads."""

    def __init__(
        self,
        settings: WebhookSettings,
        journal: Journal,
        *,
        node_id: str,
        clock: Clock,
        sender: Sender | None = None,
    ) -> None:
        """``sender``: instead of the real network."""
        self.key = Key(settings)
        self._settings = settings
        self._journal = journal
        self._node_id = node_id
        self._clock = clock
        self._sender = sender or Carrier(self.key, settings.allow_hosts, system_tls, clock)
        back_off = BackOff(settings.first_retry_s, settings.last_retry_s)
        rules = Rules(settings.max_retries, back_off, settings.timeout_s)
        targets = [Target.parse(url, settings.allow_hosts) for url in settings.endpoints]
        self.couriers = {
            f"{number}:{target.host}": Courier(
                target, journal, self._sender, rules, node_id=node_id, clock=clock
            )
            for number, target in enumerate(targets, 1)
        }
        """By a name that is short, unique, and no secret."""
        self._counts: dict[str, Counts] = {}
        self._counted_s = 0.0

    def start(self) -> None:
        """Begin to deliver; makes the secret if there is none and its disk can be written.

        Raises ConfigurationError: there is something else in its file.
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
        """There may be something to deliver, or the disk can be written for the first time."""
        with suppress(SecBeatError):  # who needs it says so
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
            _receiver(name, each, counts[name], rows.get(each.target.url))
            for name, each in self.couriers.items()
        ]
        return {
            "endpoints": found,
            "events": sorted(self._settings.events),
            "dead_total": sum(each.dead for each in counts.values()),
            "dead": letters,
        }

    def retry(self, name: str | None, event_id: str | None) -> int:
        """Send dead letters again; returns how many. Raises NotFoundError, `StorageError`."""
        urls = [each.target.url for each in self._chosen(name).values()]
        with self._journal.write() as connection:
            found = queue.retry(connection, urls, event_id, self._clock.utc_ms())
        self.wake()
        return found

    def test(self, name: str | None) -> list[dict[str, Any]]:
        """Send each receiver, or one, a message at once; how it went. Raises NotFoundError."""
        chosen = self._chosen(name)
        with ThreadPoolExecutor(ENDPOINTS_MAX, "webhook-test") as pool:
            return list(pool.map(self._test_one, chosen.items()))

    def counts(self) -> dict[str, Counts]:
        """Of each receiver, at most `COUNTS_S` old while the database can be read."""
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
        """For how long the oldest that waits for each receiver has; 0: none does."""
        now_ms = self._clock.utc_ms()
        return {
            name: 0.0 if each.oldest_ms is None else max(0.0, (now_ms - each.oldest_ms) / 1000)
            for name, each in self.counts().items()
        }

    def _test_one(self, item: tuple[str, Courier]) -> dict[str, Any]:
        name, courier = item
        at_ms = self._clock.utc_ms()
        sent = message(
            event_id=new_id(),
            kind=TEST,
            at_ms=at_ms,
            node_id=self._node_id,
            sequence=None,
            data={"message": "A test of SecBeat's webhooks; nothing has happened."},
        )
        outcome = self._sender(courier.target, sent, TEST_TIMEOUT_S)
        return {
            "name": name,
            "url": courier.target.shown,
            "webhook_id": sent.id,
            "delivered": outcome.is_delivered,
            "status": outcome.status,
            "error": outcome.error,
        }

    def _chosen(self, name: str | None) -> dict[str, Courier]:
        if name is None:
            return self.couriers
        if name not in self.couriers:
            known = ", ".join(self.couriers) or "none"
            raise NotFoundError(f"there is no endpoint {name!r}; there are: {known}")
        return {name: self.couriers[name]}

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
                "last_at": _time(row.last_at),
                "last_status": row.last_status,
                "last_error": row.last_error,
            }


def _receiver(name: str, courier: Courier, counts: Counts, row: Any) -> dict[str, Any]:
    failures = row.failures if row else 0
    return {
        "name": name,
        "url": courier.target.shown,
        "state": "failing" if failures else "idle" if not counts.pending else "delivering",
        "pending": counts.pending,
        "dead": counts.dead,
        "failures": failures,
        "next_attempt_at": _time(row.next_at if row and failures else None),
        "last_success_at": _time(row.last_success_at if row else None),
        "last_error": row.last_error if row else None,
    }


def _time(utc_ms: int | None) -> str | None:
    return None if utc_ms is None else rfc3339(utc_ms)

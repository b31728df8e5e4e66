"""All receivers: their events, and the thread of each that delivers them."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Any

import structlog
from sqlalchemy import Connection

from api.common.contract.schemas import rfc3339
from api.common.disk import StorageError
from api.orchestrator.nodes.heartbeats.service import StatusChange
from api.orchestrator.webhooks import outbox
from api.storage.database import AnyRow, Database
from api.webhooks.backoff import BackOff
from api.webhooks.carrier import Carrier, Key, Rules, Sender, system_tls
from api.webhooks.message import message
from api.webhooks.receivers import DEAD_SHOWN_MAX, Receivers, shown_time
from api.webhooks.settings import WebhookSettings
from api.webhooks.targets import Target
from dataplane.base.clock import Clock

NODE_HEALTH = "node_health"
ORCHESTRATOR = "orchestrator"
"""The ``node_id`` of a test message, which belongs to no node."""
LOOK_S = 1.0
"""Interval at which each worker reads messages of other workers."""
TROUBLE_S = 5.0
_LEASE_SPARE_S = 15.0

log = structlog.get_logger("orchestrator.webhooks")


class Courier:
    """Delivers to one receiver, one message after the other."""

    def __init__(
        self, target: Target, database: Database, sender: Sender, rules: Rules, clock: Clock
    ) -> None:
        self._target = target
        self._database = database
        self._sender = sender
        self._rules = rules
        self._clock = clock
        self._log = log.bind(endpoint=target.shown)

    def turn(self) -> float:
        """Make one attempt, if one is due; returns the seconds to wait before the next.

        A receiver that does not answer gets a pause. Raises `StorageError`.
        """
        lease_ms = round((self._rules.timeout_s + _LEASE_SPARE_S) * 1000)
        with self._database.write(shared=True) as connection:
            due = outbox.take(connection, self._target.url, self._clock.utc_ms(), lease_ms)
        if due is None:
            return LOOK_S
        sent = message(
            event_id=due.event,
            kind=due.kind,
            at_ms=due.at_ms,
            node_id=due.node,
            sequence=due.sequence,
            data=due.data,
        )
        outcome = self._sender(self._target, sent, self._rules.timeout_s)
        rules, now_ms = self._rules, self._clock.utc_ms()
        with self._database.write(shared=True) as connection:
            state = outbox.record_attempt(
                connection, due, outcome, now_ms, rules.max_retries, rules.back_off
            )
        said = {"webhook": due.event, "kind": due.kind, "node": due.node}
        if outcome.is_delivered:
            self._log.info("delivered", **said)
            return 0.0
        self._log.warning("not_delivered", state=state, why=outcome.error, **said)
        return 0.0 if outcome.is_refused else TROUBLE_S


class Office:
    """The receivers, in one worker, from `start` to `close`."""

    def __init__(
        self,
        settings: WebhookSettings,
        database: Database,
        clock: Clock,
        sender: Sender | None = None,
    ) -> None:
        """``sender``: replaces the real network."""
        self._settings = settings
        self._database = database
        self._clock = clock
        self._key = Key(settings)
        carrier = sender or Carrier(self._key, settings.allow_hosts, system_tls, clock)
        self._receivers = Receivers.of(settings, carrier, clock, ORCHESTRATOR)
        back_off = BackOff(settings.first_retry_s, settings.last_retry_s)
        rules = Rules(settings.max_retries, back_off, settings.timeout_s)
        self.couriers = [
            Courier(target, database, carrier, rules, clock)
            for target in self._receivers.targets.values()
        ]
        self._stop = threading.Event()

    def tell(self, connection: Connection, change: StatusChange) -> None:
        """Write messages about a change of a node's status, in its transaction."""
        if not self.couriers or NODE_HEALTH not in self._settings.events:
            return
        data = {
            "status": change.status,
            "previous": change.previous,
            "reasons": list(change.reasons),
        }
        to = self._settings.endpoints
        full = outbox.put(connection, to, NODE_HEALTH, change.node, change.at_ms, data)
        if full:
            log.warning("receivers have too much waiting to be told more", receivers=full)

    def start(self) -> None:
        """Start to deliver. Raises ConfigurationError: the secret's file has invalid content."""
        if not self.couriers:
            return
        with suppress(StorageError):  # made when it is needed, if the disk can be written then
            self._key()
        for each in self.couriers:
            threading.Thread(target=self._run, args=[each], name="courier", daemon=True).start()

    def listed(self, dead_max: int) -> dict[str, Any]:
        """See `api.webhooks.views.Deliverer`; every worker returns the same."""
        targets = self._receivers.targets
        names = {target.url: name for name, target in targets.items()}
        with self._database.read() as connection:
            standing = outbox.standing(connection, names)
            letters = outbox.dead_letters(connection, names, min(dead_max, DEAD_SHOWN_MAX))
        return {
            "endpoints": [
                standing[target.url].body(name, target) for name, target in targets.items()
            ],
            "events": sorted(self._settings.events),
            "dead_total": sum(each.dead for each in standing.values()),
            "dead": [_letter(row, names[row.endpoint]) for row in letters],
        }

    def test(self, name: str | None) -> list[dict[str, Any]]:
        """See `Deliverer`."""
        return self._receivers.test(name)

    def retry(self, name: str | None, event_id: str | None) -> int:
        """See `Deliverer`; workers read the messages every `LOOK_S`."""
        urls = [each.url for each in self._receivers.chosen(name).values()]
        with self._database.write() as connection:
            return outbox.retry(connection, urls, event_id, self._clock.utc_ms())

    def purge(self) -> None:
        """See `outbox.purge`."""
        with self._database.write(bulk=True) as connection:
            outbox.purge(connection, self._clock.utc_ms())

    def close(self) -> None:
        """End. A running attempt is not waited for; it is repeated after its lease."""
        self._stop.set()

    def _run(self, courier: Courier) -> None:
        wait_s = 0.0
        while not self._stop.wait(wait_s):
            try:
                wait_s = courier.turn()
            except StorageError:
                wait_s = TROUBLE_S
            except Exception:
                log.exception("delivering failed")
                wait_s = TROUBLE_S


def _letter(row: AnyRow, name: str) -> dict[str, Any]:
    return {
        "event": row.event,
        "kind": row.kind,
        "at": rfc3339(row.at_ms),
        "endpoint": name,
        "attempts": row.attempts,
        "last_at": shown_time(row.last_ms),
        "last_status": row.last_status,
        "last_error": row.last_error,
    }

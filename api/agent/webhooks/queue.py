"""Due deliveries of a receiver: queries on ``deliveries`` and ``endpoints``.

Events of one incident keep their order: a later event waits while an earlier one is to be tried
again. Events of other incidents do not wait.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, exists, func, or_, select, update

from api.history.tables import deliveries, endpoints, events
from api.storage.statements.upsert import upsert
from api.webhooks.backoff import BackOff
from api.webhooks.sending import RETRY_AFTER_S_MAX, Outcome

PENDING, DELIVERED, DEAD = "pending", "delivered", "dead"
AGE_MS_MAX = 3 * 86_400_000
"""A delivery that fails for so long is dead, whatever the number of attempts."""
PAUSE_MS_MAX = RETRY_AFTER_S_MAX * 1000
"""Limit of the pause that a receiver asks for (Retry-After)."""


@dataclass(frozen=True)
class Due:
    """One delivery, with its event."""

    sequence: int
    attempts: int
    created_ms: int
    id: str
    kind: str
    at_ms: int
    data: Any


@dataclass(frozen=True)
class Receiver:
    """Failed attempts in a row, and the time of the next attempt."""

    failures: int = 0
    next_ms: int = 0


def receiver(connection: Connection, endpoint: str) -> Receiver:
    """The stored results of a receiver."""
    query = select(endpoints.c.failures, endpoints.c.next_at).where(endpoints.c.url == endpoint)
    row = connection.execute(query).first()
    return Receiver(row.failures, row.next_at) if row else Receiver()


def next_due(
    connection: Connection, endpoint: str, now_ms: int, longest_ms: int
) -> Due | int | None:
    """The oldest delivery that may be tried now, else the time when one may be, else None.

    A time that is further away than ``longest_ms`` was written before the clock was set back, and
    is ignored.
    """
    waiting = (deliveries.c.endpoint == endpoint) & (deliveries.c.state == PENDING)
    may = or_(deliveries.c.next_at <= now_ms, deliveries.c.next_at > now_ms + longest_ms)
    query = (
        select(deliveries, events.c.id, events.c.kind, events.c.at, events.c.data)
        .join(events, events.c.sequence == deliveries.c.event_sequence)
        .where(waiting, may, ~_is_behind())
        .order_by(deliveries.c.event_sequence)
        .limit(1)
    )
    row = connection.execute(query).first()
    if row is None:
        soonest = select(func.min(deliveries.c.next_at)).where(waiting)
        return connection.execute(soonest).scalar()
    return Due(
        sequence=row.event_sequence,
        attempts=row.attempts,
        created_ms=row.created_at,
        id=row.id,
        kind=row.kind,
        at_ms=row.at,
        data=json.loads(row.data),
    )


def record_attempt(
    connection: Connection,
    endpoint: str,
    due: Due,
    outcome: Outcome,
    *,
    now_ms: int,
    max_retries: int,
    back_off: BackOff,
) -> str:
    """Record the result of an attempt and the time of the next one; returns the
    delivery's state."""
    attempts, before = due.attempts + 1, receiver(connection, endpoint)
    is_last = attempts > max_retries or now_ms - due.created_ms > AGE_MS_MAX
    state = DELIVERED if outcome.is_delivered else DEAD if is_last else PENDING
    wait_ms = max(back_off.wait_ms(attempts), outcome.retry_after_s * 1000)
    connection.execute(
        update(deliveries)
        .where(deliveries.c.event_sequence == due.sequence, deliveries.c.endpoint == endpoint)
        .values(
            state=state,
            attempts=attempts,
            next_at=now_ms + wait_ms if outcome.is_refused and state == PENDING else 0,
            last_at=now_ms,
            last_status=outcome.status,
            last_error=outcome.error,
        )
    )
    # The receiver works but refuses this message: the other messages need not wait.
    works = outcome.is_delivered or outcome.is_refused
    failures = 0 if works else before.failures + 1
    pause_ms = max(back_off.wait_ms(max(failures, 1)), outcome.retry_after_s * 1000)
    values: dict[str, Any] = {
        "failures": failures,
        "next_at": 0 if works else now_ms + pause_ms,
        "last_error": outcome.error,
    }
    if outcome.is_delivered:
        values["last_success_at"] = now_ms
    upsert(connection, endpoints, {"url": endpoint}, values)
    return state


def retry(connection: Connection, urls: Sequence[str], event_id: str | None, now_ms: int) -> int:
    """Make dead letters of these receivers, or of one event, due at once; returns the number."""
    chosen: list[ColumnElement[bool]] = [
        deliveries.c.state == DEAD,
        deliveries.c.endpoint.in_(urls),
    ]
    if event_id is not None:
        found = select(events.c.sequence).where(events.c.id == event_id)
        chosen.append(deliveries.c.event_sequence.in_(found))
    values = {"state": PENDING, "attempts": 0, "next_at": 0, "created_at": now_ms}
    done = connection.execute(update(deliveries).where(and_(*chosen)).values(values))
    connection.execute(update(endpoints).where(endpoints.c.url.in_(urls)).values(next_at=0))
    return done.rowcount


def _is_behind() -> ColumnElement[bool]:
    """Whether an earlier event of the same incident is not delivered yet."""
    earlier = deliveries.alias("earlier")
    return and_(
        deliveries.c.incident_id.is_not(None),
        exists().where(
            earlier.c.endpoint == deliveries.c.endpoint,
            earlier.c.incident_id == deliveries.c.incident_id,
            earlier.c.state == PENDING,
            earlier.c.event_sequence < deliveries.c.event_sequence,
        ),
    )

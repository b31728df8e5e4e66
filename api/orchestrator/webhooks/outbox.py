"""Queries on ``outbox``: what is due to each receiver.

A worker takes a message by a lease: it moves the time of the next attempt beyond the longest that
its own may take. So no two try one message, and one whose worker dies is tried again. Messages of
one node keep their order.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, exists, func, insert, select, update

from api.orchestrator.database.tables.outbox import outbox
from api.storage.claim import claim
from api.webhooks.backoff import BackOff
from api.webhooks.sending import Outcome

PENDING, DEAD = "pending", "dead"
PENDING_MAX = 10_000
"""Of one receiver. Beyond, what is new is not told."""
DEAD_MAX = 10_000
DEAD_DAYS = 30
_DAY_MS = 86_400_000


@dataclass(frozen=True)
class Due:
    """One message to one receiver."""

    number: int
    event: str
    kind: str
    node: str
    at_ms: int
    data: Any
    attempts: int


def put(
    connection: Connection,
    endpoints: Sequence[str],
    kind: str,
    node: str,
    at_ms: int,
    data: dict[str, Any],
) -> int:
    """One event to all receivers; returns to how many there was no room for it."""
    event, full = f"evt_{secrets.token_urlsafe(16)}", 0
    for endpoint in endpoints:
        waiting = (outbox.c.endpoint == endpoint) & (outbox.c.state == PENDING)
        count = select(func.count()).select_from(outbox).where(waiting)
        if connection.execute(count).scalar_one() >= PENDING_MAX:
            full += 1
            continue
        row = {"event": event, "endpoint": endpoint, "kind": kind, "node": node, "at_ms": at_ms}
        row |= {"data": data, "state": PENDING, "attempts": 0, "next_ms": at_ms}
        connection.execute(insert(outbox).values(row))
    return full


def take(connection: Connection, endpoint: str, now_ms: int, lease_ms: int) -> Due | None:
    """The oldest that may be tried now; it is the caller's for ``lease_ms``."""
    earlier = outbox.alias("earlier")
    is_behind = exists().where(
        earlier.c.endpoint == endpoint,
        earlier.c.state == PENDING,
        earlier.c.node == outbox.c.node,
        earlier.c.number < outbox.c.number,
    )
    mine = (outbox.c.endpoint == endpoint) & (outbox.c.state == PENDING)
    query = select(outbox).where(mine, outbox.c.next_ms <= now_ms, ~is_behind)
    for row in claim(connection, query.order_by(outbox.c.number).limit(1)):
        lease = update(outbox).where(outbox.c.number == row.number)
        connection.execute(lease.values(next_ms=now_ms + lease_ms))
        return Due(row.number, row.event, row.kind, row.node, row.at_ms, row.data, row.attempts)
    return None


def settle(
    connection: Connection,
    due: Due,
    outcome: Outcome,
    now_ms: int,
    max_retries: int,
    back_off: BackOff,
) -> str:
    """Note how an attempt went; returns the message's state."""
    mine = outbox.c.number == due.number
    if outcome.is_delivered:
        _wake(connection, due, now_ms)
        connection.execute(delete(outbox).where(mine))
        return "delivered"
    attempts = due.attempts + 1
    state = DEAD if attempts > max_retries else PENDING
    wait_ms = max(back_off.wait_ms(attempts), outcome.retry_after_s * 1000)
    connection.execute(
        update(outbox)
        .where(mine)
        .values(
            state=state,
            attempts=attempts,
            next_ms=now_ms + wait_ms,
            last_status=outcome.status,
            last_error=outcome.error,
        )
    )
    return state


def purge(connection: Connection, now_ms: int) -> None:
    """Forget dead letters that are old or too many."""
    is_dead = outbox.c.state == DEAD
    old = delete(outbox).where(is_dead, outbox.c.at_ms < now_ms - DEAD_DAYS * _DAY_MS)
    connection.execute(old)
    newest = select(outbox.c.number).where(is_dead).order_by(outbox.c.number.desc())
    beyond = connection.execute(newest.offset(DEAD_MAX).limit(1)).scalar()
    if beyond is not None:
        connection.execute(delete(outbox).where(is_dead, outbox.c.number <= beyond))


def _wake(connection: Connection, due: Due, now_ms: int) -> None:
    """The receiver is there: what it did not answer before need not wait any longer."""
    endpoint = select(outbox.c.endpoint).where(outbox.c.number == due.number).scalar_subquery()
    waits = (outbox.c.endpoint == endpoint) & (outbox.c.state == PENDING)
    unanswered = (outbox.c.attempts > 0) & outbox.c.last_status.is_(None)
    later = outbox.c.next_ms > now_ms
    connection.execute(update(outbox).where(waits, unanswered, later).values(next_ms=now_ms))

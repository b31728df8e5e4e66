"""Queries on ``outbox``: the messages for each receiver.

A worker leases a message: it moves the time of the next attempt beyond the longest duration of its
own. So two workers never try one message, and a message of a dead worker is tried again. Messages
of one node keep their order.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import Connection, delete, exists, func, insert, select, update

from api.orchestrator.counters import count
from api.orchestrator.database.tables.outbox import outbox, receivers
from api.storage.database import AnyRow
from api.storage.statements.claim import claim
from api.storage.statements.upsert import upsert
from api.webhooks.backoff import BackOff
from api.webhooks.message import new_id
from api.webhooks.receivers import Standing
from api.webhooks.sending import Outcome

PENDING, DELIVERED, DEAD = "pending", "delivered", "dead"
PENDING_MAX = 10_000
"""Waiting messages of one receiver; beyond that, new ones are not stored."""
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
    sequence: int | None
    """None: the message was stored before sequences existed."""


def put(
    connection: Connection,
    endpoints: Sequence[str],
    kind: str,
    node: str,
    at_ms: int,
    data: dict[str, Any],
) -> int:
    """Store one event for all receivers; returns how many receivers had no room.

    The sequence number is counted in any case: the counter's row gives events the order of their
    commits, across all orchestrators.
    """
    event, full = new_id(), 0
    sequence = count(connection, "events")
    for endpoint in endpoints:
        waiting = (outbox.c.endpoint == endpoint) & (outbox.c.state == PENDING)
        used = select(func.count()).select_from(outbox).where(waiting)
        if connection.execute(used).scalar_one() >= PENDING_MAX:
            full += 1
            continue
        row = {"event": event, "endpoint": endpoint, "kind": kind, "node": node, "at_ms": at_ms}
        row |= {"data": data, "state": PENDING, "attempts": 0, "next_ms": at_ms}
        row |= {"sequence": sequence}
        connection.execute(insert(outbox).values(row))
    return full


def take(connection: Connection, endpoint: str, now_ms: int, lease_ms: int) -> Due | None:
    """The oldest message that may be tried now; the caller has it for ``lease_ms``."""
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
        return Due(*(getattr(row, each.name) for each in fields(Due)))
    return None


def record_attempt(
    connection: Connection,
    due: Due,
    outcome: Outcome,
    now_ms: int,
    max_retries: int,
    back_off: BackOff,
) -> str:
    """Record the result of an attempt; returns the message's state."""
    mine = outbox.c.number == due.number
    endpoint = connection.execute(select(outbox.c.endpoint).where(mine)).scalar()
    if endpoint is None:  # another worker has delivered it after the lease expired
        return DELIVERED
    _note(connection, endpoint, outcome, now_ms)
    if outcome.is_delivered:
        _wake(connection, endpoint, now_ms)
        connection.execute(delete(outbox).where(mine))
        return DELIVERED
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
            last_ms=now_ms,
        )
    )
    return state


def purge(connection: Connection, now_ms: int) -> None:
    """Delete dead letters that are too old or too many."""
    is_dead = outbox.c.state == DEAD
    old = delete(outbox).where(is_dead, outbox.c.at_ms < now_ms - DEAD_DAYS * _DAY_MS)
    connection.execute(old)
    newest = select(outbox.c.number).where(is_dead).order_by(outbox.c.number.desc())
    beyond = connection.execute(newest.offset(DEAD_MAX).limit(1)).scalar()
    if beyond is not None:
        connection.execute(delete(outbox).where(is_dead, outbox.c.number <= beyond))


def standing(connection: Connection, endpoints: Collection[str]) -> dict[str, Standing]:
    """The state of each receiver."""
    lines, soonest = func.count().label("lines"), func.min(outbox.c.next_ms).label("next_ms")
    query = select(outbox.c.endpoint, outbox.c.state, lines, soonest)
    query = query.where(outbox.c.endpoint.in_(endpoints))
    grouped = connection.execute(query.group_by(outbox.c.endpoint, outbox.c.state))
    waiting = {(row.endpoint, row.state): row for row in grouped}
    known = {row.endpoint: row for row in connection.execute(select(receivers))}
    found = {}
    for each in endpoints:
        pending, dead = waiting.get((each, PENDING)), waiting.get((each, DEAD))
        row = known.get(each)
        found[each] = Standing(
            pending=pending.lines if pending else 0,
            dead=dead.lines if dead else 0,
            failures=row.failures if row else 0,
            next_ms=pending.next_ms if pending else None,
            last_success_ms=row.last_success_ms if row else None,
            last_error=row.last_error if row else None,
        )
    return found


def dead_letters(
    connection: Connection, endpoints: Collection[str], rows_max: int
) -> Sequence[AnyRow]:
    """The newest messages that were given up."""
    query = select(outbox).where(outbox.c.state == DEAD, outbox.c.endpoint.in_(endpoints))
    return connection.execute(query.order_by(outbox.c.number.desc()).limit(rows_max)).all()


def retry(
    connection: Connection, endpoints: Collection[str], event: str | None, now_ms: int
) -> int:
    """Make dead letters of these receivers, or of one event, due at once; returns the number."""
    chosen = (outbox.c.state == DEAD) & outbox.c.endpoint.in_(endpoints)
    if event is not None:
        chosen &= outbox.c.event == event
    values = {"state": PENDING, "attempts": 0, "next_ms": now_ms}
    return connection.execute(update(outbox).where(chosen).values(values)).rowcount


def _note(connection: Connection, endpoint: str, outcome: Outcome, now_ms: int) -> None:
    """Record an answer: a receiver that refuses a message works."""
    works = outcome.is_delivered or outcome.is_refused
    mine = select(receivers.c.failures).where(receivers.c.endpoint == endpoint)
    before = connection.execute(mine).scalar() or 0
    values = {"failures": 0 if works else before + 1, "last_error": outcome.error}
    if outcome.is_delivered:
        values["last_success_ms"] = now_ms
    upsert(connection, receivers, {"endpoint": endpoint}, values)


def _wake(connection: Connection, endpoint: str, now_ms: int) -> None:
    """The receiver works again: make the messages that it did not answer due at once."""
    waits = (outbox.c.endpoint == endpoint) & (outbox.c.state == PENDING)
    unanswered = (outbox.c.attempts > 0) & outbox.c.last_status.is_(None)
    later = outbox.c.next_ms > now_ms
    connection.execute(update(outbox).where(waits, unanswered, later).values(next_ms=now_ms))

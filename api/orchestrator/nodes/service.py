"""The nodes of the fleet: registration, heartbeats, and what is known of each."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, insert, select, update

from api.access.audit import service as audit
from api.access.audit.service import Actor
from api.common.errors import ConflictError, FieldError, NotFoundError, UnauthenticatedError
from api.orchestrator import changes
from api.orchestrator.database.tables.nodes import enrolment_tokens, nodes
from api.orchestrator.nodes.schemas import Heartbeat, Registration
from api.orchestrator.threats import incidents
from api.storage.database import AnyRow, Database
from dataplane.base.clock import Clock


@dataclass(frozen=True)
class Registered:
    """The node, and whether this registration made it."""

    row: AnyRow
    is_new: bool


class Nodes:
    """All nodes."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def register(self, actor: Actor, wanted: Registration) -> Registered:
        """Make a node known, or find the one that is.

        Raises:
            ConflictError: the id is another node's: that one has another key.
            UnauthenticatedError: the token has been used as often as it may be.
        """
        key = bytes.fromhex(wanted.key_sha256)
        now_ms = self._clock.utc_ms()
        with self._database.write() as connection:
            row = connection.execute(select(nodes).where(nodes.c.id == wanted.id)).first()
            if row is not None:
                if row.key_sha256 != key:
                    message = f"node {wanted.id!r} is registered with another key"
                    what = FieldError("id", wanted.id, "one key for each node", message)
                    raise ConflictError(message, errors=[what])
                return Registered(row, is_new=False)
            token = enrolment_tokens
            room = token.c.uses_max.is_(None) | (token.c.uses < token.c.uses_max)
            taken = connection.execute(
                update(token)
                .where(token.c.id == actor.principal.id, room)
                .values(uses=token.c.uses + 1)
            )
            if taken.rowcount == 0:
                raise UnauthenticatedError("the enrolment token has been used up")
            connection.execute(
                insert(nodes).values(
                    id=wanted.id,
                    uuid=wanted.uuid,
                    key_sha256=key,
                    address=wanted.address,
                    version=wanted.version,
                    labels=dict(wanted.labels),
                    rule_types=list(wanted.rule_types),
                    registered_ms=now_ms,
                    reasons=[],
                    stats={},
                    applied={},
                    desired="active",
                    change=changes.bump(connection),
                )
            )
            audit.record(connection, actor, "node.register", wanted.id, now_ms)
            row = connection.execute(select(nodes).where(nodes.c.id == wanted.id)).one()
        return Registered(row, is_new=True)

    def heartbeat(self, node: str, sent: Heartbeat) -> int:
        """Keep what a node says of itself; returns when, by the orchestrator's clock.

        Raises `NotFoundError`.
        """
        now_ms = self._clock.utc_ms()
        values = {
            "seen_ms": now_ms,
            "mode": sent.mode,
            "health": sent.health,
            "reasons": list(sent.reasons),
            "load": sent.load,
            "version": sent.version,
            "address": sent.address,
            "stats": dict(sent.stats),
            "applied": {name: each.model_dump() for name, each in sent.applied.items()},
            "boot_id": sent.boot_id,
        }
        with self._database.write() as connection:
            done = connection.execute(update(nodes).where(nodes.c.id == node).values(**values))
            if done.rowcount == 0:
                raise NotFoundError(f"there is no node {node!r}")
            if sent.incidents:
                incidents.keep(connection, node, sent.incidents, now_ms)
        return now_ms

    def get(self, node: str) -> AnyRow:
        """Raises `NotFoundError`."""
        with self._database.read() as connection:
            row = connection.execute(select(nodes).where(nodes.c.id == node)).first()
        if row is None:
            raise NotFoundError(f"there is no node {node!r}")
        return row

    def page(self, limit: int, after: str | None) -> tuple[list[AnyRow], int, str | None]:
        """Nodes by id; the number of all; and where the next page begins."""
        query = select(nodes).order_by(nodes.c.id).limit(limit + 1)
        if after is not None:
            query = query.where(nodes.c.id > after)
        with self._database.read() as connection:
            rows = list(connection.execute(query))
            total = connection.execute(select(func.count()).select_from(nodes)).scalar_one()
        return rows[:limit], total, rows[limit - 1].id if len(rows) > limit else None

    def now_ms(self) -> int:
        """By the clock that heartbeats are stamped with."""
        return self._clock.utc_ms()

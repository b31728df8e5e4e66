"""Membership of the fleet: nodes enrol, replace their keys, and are deleted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, insert, or_, select, update

from api.access.audit import service as audit
from api.access.audit.service import Actor, Difference
from api.access.keys.freshness import revoked
from api.common.contract.errors import (
    ConflictError,
    FieldError,
    GoneError,
    NotFoundError,
    UnauthenticatedError,
)
from api.orchestrator import changes
from api.orchestrator.database.tables.nodes import deleted_nodes, enrolment_tokens, nodes
from api.orchestrator.nodes.schemas import Registration
from api.storage.database import AnyRow, Database
from api.storage.statements.upsert import upsert
from dataplane.base.clock import Clock

NODES_MAX = 100_000
DELETED_MAX = 100_000
"""Deleted nodes that are kept; older ones are forgotten and may enrol again."""

OnDelete = Callable[[Connection, str], None]
"""Called in the transaction that deletes a node."""


@dataclass(frozen=True)
class Registered:
    """The node, and whether this registration created it."""

    row: AnyRow
    is_new: bool


class Registry:
    """The members of the fleet."""

    def __init__(self, database: Database, clock: Clock, on_delete: Sequence[OnDelete]) -> None:
        self._database = database
        self._clock = clock
        self._on_delete = tuple(on_delete)

    def register(self, actor: Actor, wanted: Registration) -> Registered:
        """Register a node, or find its registration.

        Raises:
            ConflictError: another node has the id or the key, or there are too many nodes.
            GoneError: the node was deleted.
            UnauthenticatedError: the token has no uses left.
        """
        key = bytes.fromhex(wanted.key_sha256)
        with self._database.write() as connection:
            row = _find(connection, wanted.id)
            if row is not None:
                if key not in {row.key_sha256, row.next_key_sha256}:
                    raise _conflict(f"node {wanted.id!r} is registered with another key", wanted)
                return Registered(row, is_new=False)
            self._check(connection, wanted, key)
            _spend(connection, actor.principal.id)
            self._insert(connection, actor, wanted, key)
            return Registered(_get(connection, wanted.id), is_new=True)

    def rotate(self, actor: Actor, node: str, key: bytes) -> None:
        """Add a key for a node; the former key is valid until the new one is first used.

        Raises `NotFoundError`; `ConflictError`: the key is another node's.
        """
        with self._database.write() as connection:
            row = _get(connection, node)
            if key in {row.key_sha256, row.next_key_sha256}:
                return
            _check_free(connection, key)
            mine = nodes.c.id == node
            connection.execute(update(nodes).where(mine).values(next_key_sha256=key))
            revoked(connection)
            audit.record(connection, actor, "node.key", node, self._clock.utc_ms())

    def delete(self, actor: Actor, node: str, *, allow_again: bool) -> None:
        """Delete a node: its key is no longer valid; its reported attacks are kept.

        ``allow_again``: it may enrol again with its key, also if it was deleted before. Raises
        `NotFoundError`.
        """
        now_ms = self._clock.utc_ms()
        with self._database.write() as connection:
            row = _find(connection, node)
            gone = connection.execute(delete(deleted_nodes).where(deleted_nodes.c.id == node))
            if row is None and not (allow_again and gone.rowcount):
                raise NotFoundError(f"there is no node {node!r}")
            if row is not None:
                self.remove(connection, row, now_ms, is_kept=not allow_again)
                record_deleted(connection, actor, row, now_ms)
            else:
                audit.record(connection, actor, "node.delete", node, now_ms)

    def remove(self, connection: Connection, row: AnyRow, now_ms: int, *, is_kept: bool) -> None:
        """Delete a node within a larger change; ``is_kept``: it may not enrol again."""
        connection.execute(delete(nodes).where(nodes.c.id == row.id))
        revoked(connection)
        if is_kept:
            values = {"key_sha256": row.key_sha256, "deleted_ms": now_ms}
            upsert(connection, deleted_nodes, {"id": row.id}, values)
            _forget_oldest(connection)
        for each in self._on_delete:
            each(connection, row.id)
        changes.bump(connection)

    def _check(self, connection: Connection, wanted: Registration, key: bytes) -> None:
        gone = connection.execute(select(deleted_nodes).where(deleted_nodes.c.id == wanted.id))
        found = gone.first()
        if found is not None and found.key_sha256 == key:
            raise GoneError(f"node {wanted.id!r} was deleted from this fleet")
        _check_free(connection, key)
        count = connection.execute(select(func.count()).select_from(nodes)).scalar_one()
        if count >= NODES_MAX:
            raise _conflict(f"there are {count} nodes; the limit is {NODES_MAX}", wanted)

    def _insert(
        self, connection: Connection, actor: Actor, wanted: Registration, key: bytes
    ) -> None:
        now_ms = self._clock.utc_ms()
        connection.execute(delete(deleted_nodes).where(deleted_nodes.c.id == wanted.id))
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
                status="registering",
            )
        )
        told = Difference(None, _told(_get(connection, wanted.id)))
        audit.record(connection, actor, "node.register", wanted.id, now_ms, difference=told)


def record_deleted(connection: Connection, actor: Actor, row: AnyRow, now_ms: int) -> None:
    """Add the audit row of a node that was deleted; ``row``: its row before."""
    told = Difference(_told(row), None)
    audit.record(connection, actor, "node.delete", row.id, now_ms, difference=told)


def _told(row: AnyRow) -> dict[str, Any]:
    """A node in the form of the audit trail."""
    names = ("uuid", "address", "version", "labels", "desired")
    return {name: getattr(row, name) for name in names}


def _find(connection: Connection, node: str) -> AnyRow | None:
    return connection.execute(select(nodes).where(nodes.c.id == node)).first()


def _get(connection: Connection, node: str) -> AnyRow:
    row = _find(connection, node)
    if row is None:
        raise NotFoundError(f"there is no node {node!r}")
    return row


def _check_free(connection: Connection, key: bytes) -> None:
    is_its = or_(nodes.c.key_sha256 == key, nodes.c.next_key_sha256 == key)
    if connection.execute(select(nodes.c.id).where(is_its)).first() is not None:
        message = "another node has this key: each makes its own"
        what = FieldError("key_sha256", key.hex(), "one node for each key", message)
        raise ConflictError(message, errors=[what])


def _spend(connection: Connection, token_id: str) -> None:
    token = enrolment_tokens
    room = token.c.uses_max.is_(None) | (token.c.uses < token.c.uses_max)
    mine = update(token).where(token.c.id == token_id, room)
    if connection.execute(mine.values(uses=token.c.uses + 1)).rowcount == 0:
        raise UnauthenticatedError("the enrolment token has been used up")


def _forget_oldest(connection: Connection) -> None:
    count = connection.execute(select(func.count()).select_from(deleted_nodes)).scalar_one()
    if count > DELETED_MAX:
        order = deleted_nodes.c.deleted_ms, deleted_nodes.c.id
        oldest = select(deleted_nodes.c.id).order_by(*order).limit(count - DELETED_MAX)
        connection.execute(delete(deleted_nodes).where(deleted_nodes.c.id.in_(oldest)))


def _conflict(message: str, wanted: Registration) -> ConflictError:
    what = FieldError("id", wanted.id, f"one key for each node, {NODES_MAX} nodes", message)
    return ConflictError(message, errors=[what])

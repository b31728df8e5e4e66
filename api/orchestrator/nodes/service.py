"""The nodes of the fleet, as operators read and change them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from sqlalchemy import Connection, func, select, update

from api.access.audit import service as audit
from api.access.audit.service import Actor, Difference
from api.common.contract.errors import FieldError, NotFoundError, UnprocessableError
from api.orchestrator import changes
from api.orchestrator.database.tables.nodes import nodes
from api.orchestrator.nodes.filters import Filter
from api.orchestrator.nodes.schemas import LABELS_MAX
from api.storage.database import AnyRow, Database
from dataplane.base.clock import Clock

Desired = Literal["active", "draining"]


class Nodes:
    """All nodes."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def get(self, node: str) -> AnyRow:
        """One node. Raises `NotFoundError`."""
        with self._database.read() as connection:
            return _get(connection, node)

    def page(
        self, wanted: Filter, limit: int, after: str | None
    ) -> tuple[list[AnyRow], int, str | None]:
        """Nodes by id; the number of all that meet the filter; and the position of the
        next page."""
        conditions = wanted.conditions(self._clock.utc_ms())
        query = select(nodes).where(*conditions).order_by(nodes.c.id).limit(limit + 1)
        if after is not None:
            query = query.where(nodes.c.id > after)
        with self._database.read() as connection:
            rows = list(connection.execute(query))
            count = select(func.count()).select_from(nodes).where(*conditions)
            total = connection.execute(count).scalar_one()
        return rows[:limit], total, rows[limit - 1].id if len(rows) > limit else None

    def label(self, actor: Actor, node: str, labels: Mapping[str, str | None]) -> AnyRow:
        """Set labels, and remove those whose value is None.

        Raises `NotFoundError`; `UnprocessableError`: too many labels.
        """
        with self._database.write() as connection:
            merged = {**_get(connection, node).labels, **labels}
            kept = {name: value for name, value in merged.items() if value is not None}
            if len(kept) > LABELS_MAX:
                message = f"{len(kept)} labels; the limit is {LABELS_MAX}"
                what = FieldError("labels", len(kept), f"at most {LABELS_MAX}", message)
                raise UnprocessableError(message, errors=[what])
            return self._set(connection, actor, node, "node.label", labels=kept)

    def want(self, actor: Actor, node: str, desired: Desired) -> AnyRow:
        """Set whether a node drains. Raises `NotFoundError`."""
        with self._database.write() as connection:
            row = _get(connection, node)
            if row.desired == desired:
                return row
            action = "node.drain" if desired == "draining" else "node.resume"
            return self._set(connection, actor, node, action, desired=desired)

    def now_ms(self) -> int:
        """The time of the clock that stamps heartbeats."""
        return self._clock.utc_ms()

    def _set(
        self, connection: Connection, actor: Actor, node: str, action: str, **values: object
    ) -> AnyRow:
        change, before = changes.bump(connection), _get(connection, node)
        connection.execute(update(nodes).where(nodes.c.id == node).values(change=change, **values))
        told = Difference({name: getattr(before, name) for name in values}, values)
        now_ms = self._clock.utc_ms()
        audit.record(connection, actor, action, node, now_ms, change, difference=told)
        return _get(connection, node)


def _get(connection: Connection, node: str) -> AnyRow:
    row = connection.execute(select(nodes).where(nodes.c.id == node)).first()
    if row is None:
        raise NotFoundError(f"there is no node {node!r}")
    return row

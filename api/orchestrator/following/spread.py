"""The spread of a change of lists or rules: the number of nodes that have it, and those without.

The database counts, from the last reports of the nodes, so one query is enough for a thousand
nodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import BigInteger, ColumnElement, Connection, and_, case, cast, func, select

from api.common.contract.errors import NotFoundError
from api.orchestrator import changes
from api.orchestrator.database.tables.nodes import nodes
from api.orchestrator.following.log import ChangeLog
from api.orchestrator.following.schemas import NodeCounts, NodeWithout, RevisionBody
from api.orchestrator.nodes.status import SILENT_MS
from api.storage.database import Database
from dataplane.base.clock import Clock

NAMED_MAX = 20
"""Nodes without the change that an answer names."""


@dataclass(frozen=True)
class Spread:
    """The spread of the changes of one part."""

    database: Database
    clock: Clock
    log: ChangeLog

    def counts(self, revision: int) -> NodeCounts:
        """Numbers of nodes by their state about a change."""
        with self.database.read() as connection:
            return _counts(connection, self._state(connection, revision))

    def of(self, revision: int) -> RevisionBody:
        """The spread of a change. Raises `NotFoundError`: there is no change with that number."""
        with self.database.read() as connection:
            newest = changes.newest(connection)
            if revision > newest:
                raise NotFoundError(f"there is no revision {revision}: the newest is {newest}")
            state = self._state(connection, revision)
            counts = _counts(connection, state)
            without = [] if counts.applied == counts.of else self._without(connection, state)
        return _body(revision, counts, without)

    def _state(self, connection: Connection, revision: int) -> ColumnElement[str]:
        """The state of a node; a reported number that was never given out is ignored."""
        position = self.log.position(connection)
        said = nodes.c.applied
        number = cast(said[self.log.part, "number"].as_string(), BigInteger)
        has = and_(
            said[self.log.part, "epoch"].as_string() == position.epoch,
            number.between(min(revision, position.change), position.change),
        )
        state = said[self.log.part, "state"].as_string()
        heard_ms = func.coalesce(nodes.c.seen_ms, nodes.c.registered_ms)
        return case(
            (and_(has, state == "applied"), "applied"),
            (and_(has, state == "rejected"), "rejected"),
            (heard_ms < self.clock.utc_ms() - SILENT_MS, "unreachable"),
            else_="pending",
        )

    def _without(self, connection: Connection, state: ColumnElement[str]) -> list[NodeWithout]:
        message = nodes.c.applied[self.log.part, "message"].as_string()
        query = select(nodes.c.id, state.label("state"), message.label("message"))
        query = query.where(state != "applied").order_by(nodes.c.id).limit(NAMED_MAX)
        return [
            NodeWithout(node=row.id, state=row.state, message=row.message)
            for row in connection.execute(query)
        ]


def revision_location(part: str, revision: int) -> dict[str, str]:
    """The header of an answer without a body: the address of the change's spread."""
    return {"Location": f"/api/v1/fleet/{part}/revisions/{revision}"}


def _counts(connection: Connection, state: ColumnElement[str]) -> NodeCounts:
    by_state = select(state.label("state")).subquery().c.state
    query = select(by_state, func.count()).group_by(by_state)
    found = {row[0]: row[1] for row in connection.execute(query)}
    return NodeCounts(**found, of=sum(found.values()))


def _body(revision: int, counts: NodeCounts, without: Sequence[NodeWithout]) -> RevisionBody:
    """A silent node is not waited for: it fetches the change before anything else."""
    refused = next((each for each in without if each.state == "rejected"), None)
    return RevisionBody(
        revision=revision,
        state="pending" if counts.pending else "rejected" if counts.rejected else "in_force",
        reason=None if refused is None else f"{refused.node}: {refused.message}",
        nodes=counts,
        without=list(without),
    )

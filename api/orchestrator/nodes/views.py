"""``/nodes`` and ``/tokens``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from api.access.audit.service import Actor
from api.common.errors import ForbiddenError
from api.common.operations import Answer, Call, Operation
from api.common.roles import Role
from api.common.schemas import PAGE_DEFAULT, PageLimit, Strict, rfc3339
from api.orchestrator import changes
from api.orchestrator.nodes.schemas import (
    NODE_ID,
    AcknowledgedIncident,
    Applied,
    Heartbeat,
    HeartbeatAnswer,
    NewTokenBody,
    NodeBody,
    NodePage,
    Registration,
    RegistrationAnswer,
    TokenBody,
    TokenList,
    TokenRequest,
)
from api.orchestrator.nodes.service import Nodes
from api.orchestrator.nodes.status import judge
from api.orchestrator.nodes.tokens import Tokens
from api.storage.database import AnyRow, Database


class NodesQuery(Strict):
    """Which part of the nodes: follow ``next_cursor`` until it is null."""

    limit: PageLimit = PAGE_DEFAULT
    cursor: Annotated[str, Field(pattern=NODE_ID)] | None = None


class NodeViews:
    """The handlers."""

    def __init__(self, nodes: Nodes, database: Database) -> None:
        self._nodes = nodes
        self._database = database

    def page(self, call: Call) -> Answer:
        """Nodes, a page at a time."""
        query: NodesQuery = call.query
        rows, total, following = self._nodes.page(query.limit, query.cursor)
        now_ms = self._nodes.now_ms()
        found = [_body(row, now_ms) for row in rows]
        return Answer(200, NodePage(nodes=found, total=total, next_cursor=following))

    def show(self, call: Call) -> Answer:
        """One node."""
        return Answer(200, _body(self._nodes.get(call.path["node"]), self._nodes.now_ms()))

    def register(self, call: Call) -> Answer:
        """A node enrols, or asks whether it has."""
        found = self._nodes.register(Actor(call.principal, call.request_id), call.body)
        status, _ = judge(found.row, self._nodes.now_ms())
        with self._database.read() as connection:
            epoch = changes.epoch(connection)
        body = RegistrationAnswer(id=found.row.id, status=status, epoch=epoch)
        location = {"Location": f"/api/v1/nodes/{found.row.id}"}
        return Answer(201, body, location) if found.is_new else Answer(200, body)

    def heartbeat(self, call: Call) -> Answer:
        """A node says how it is."""
        sent: Heartbeat = call.body
        at_ms = self._nodes.heartbeat(own_node(call), sent)
        acknowledged = [
            AcknowledgedIncident(id=each.id, updated_at=each.updated_at) for each in sent.incidents
        ]
        return Answer(200, HeartbeatAnswer(at=rfc3339(at_ms), acknowledged=acknowledged))


def own_node(call: Call) -> str:
    """The node that the path names, for that node's own key alone.

    Raises `ForbiddenError`.
    """
    node = call.path["node"]
    if node != call.principal.id:
        raise ForbiddenError(f"this key is node {call.principal.id!r}'s, not {node!r}'s")
    return node


def operations(nodes: Nodes, tokens: Tokens, database: Database) -> list[Operation]:
    """What can be done with nodes."""
    views = NodeViews(nodes, database)
    return [
        Operation(
            "GET",
            "/nodes",
            views.page,
            "All nodes",
            Role.READ,
            {200: NodePage},
            query=NodesQuery,
        ),
        Operation(
            "POST",
            "/nodes/register",
            views.register,
            "A node enrols with a token and the hash of a key that it has made",
            Role.ENROL,
            {200: RegistrationAnswer, 201: RegistrationAnswer},
            errors=(409,),
            body=Registration,
        ),
        Operation(
            "GET",
            "/nodes/{node}",
            views.show,
            "One node",
            Role.READ,
            {200: NodeBody},
            errors=(404,),
        ),
        Operation(
            "POST",
            "/nodes/{node}/heartbeat",
            views.heartbeat,
            "A node says how it is; with its own key",
            Role.NODE,
            {200: HeartbeatAnswer},
            errors=(404,),
            body=Heartbeat,
        ),
        *_token_operations(tokens),
    ]


def _token_operations(tokens: Tokens) -> list[Operation]:
    def show(_call: Call) -> Answer:
        found = [TokenBody.model_validate(_token(row)) for row in tokens.all()]
        return Answer(200, TokenList(tokens=found, total=len(found)))

    def make(call: Call) -> Answer:
        wanted: TokenRequest = call.body
        actor = Actor(call.principal, call.request_id, call.remember(lambda row, _: _kept(row)))
        row, text = tokens.make(actor, wanted.name, wanted.uses_max, wanted.expires_in_seconds)
        body = NewTokenBody.model_validate({**_token(row), "token": text})
        return Answer(201, body, {"Location": f"/api/v1/tokens/{row.id}"})

    def remove(call: Call) -> Answer:
        tokens.remove(Actor(call.principal, call.request_id), call.path["id"])
        return Answer(204)

    admin = Role.ADMIN
    return [
        Operation("GET", "/tokens", show, "Enrolment tokens", admin, {200: TokenList}),
        Operation(
            "POST",
            "/tokens",
            make,
            "Make an enrolment token; its text is in this answer and nowhere else",
            admin,
            {201: NewTokenBody},
            errors=(409,),
            body=TokenRequest,
            idempotent=True,
            secret=True,
        ),
        Operation(
            "DELETE",
            "/tokens/{id}",
            remove,
            "Delete an enrolment token; nodes that have used it stay",
            admin,
            {204: None},
            errors=(404,),
        ),
    ]


def _kept(row: AnyRow) -> Answer:
    """What is remembered for an idempotency key: never the text."""
    return Answer(201, TokenBody.model_validate(_token(row)))


def _token(row: AnyRow) -> dict[str, object]:
    return {
        "id": row.id,
        "name": row.name,
        "created_at": rfc3339(row.created_ms),
        "created_by": row.created_by,
        "expires_at": None if row.expires_ms is None else rfc3339(row.expires_ms),
        "uses": row.uses,
        "uses_max": row.uses_max,
    }


def _body(row: AnyRow, now_ms: int) -> NodeBody:
    status, reasons = judge(row, now_ms)
    policy = row.applied.get("policy")
    return NodeBody(
        id=row.id,
        uuid=row.uuid,
        address=row.address,
        status=status,
        reasons=reasons,
        mode=row.mode,
        load=row.load,
        version=row.version,
        labels=row.labels,
        policy=None if policy is None else Applied.model_validate(policy),
        registered_at=rfc3339(row.registered_ms),
        last_seen_at=None if row.seen_ms is None else rfc3339(row.seen_ms),
        stats=row.stats,
    )

"""``/nodes``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from api.access.audit.service import Actor
from api.common.contract.errors import ForbiddenError
from api.common.contract.operations import Answer, Call, Operation
from api.common.contract.roles import Role
from api.common.contract.schemas import rfc3339
from api.orchestrator import changes
from api.orchestrator.following.schemas import DesiredBody
from api.orchestrator.following.service import Following
from api.orchestrator.nodes.filters import Filter
from api.orchestrator.nodes.heartbeats.service import Heartbeats
from api.orchestrator.nodes.registry import Registry
from api.orchestrator.nodes.schemas import (
    AcknowledgedIncident,
    Applied,
    DeleteQuery,
    Followed,
    Heartbeat,
    HeartbeatAnswer,
    LabelsRequest,
    NodeBody,
    NodeKeyAnswer,
    NodeKeyRequest,
    NodePage,
    NodesQuery,
    Registration,
    RegistrationAnswer,
)
from api.orchestrator.nodes.service import Nodes
from api.orchestrator.nodes.status import judge
from api.orchestrator.selector import parse_selector
from api.storage.database import AnyRow, Database


@dataclass(frozen=True)
class Services:
    """The services that the handlers use."""

    nodes: Nodes
    registry: Registry
    heartbeats: Heartbeats
    following: Following
    database: Database


class NodeViews:
    """The handlers."""

    def __init__(self, services: Services) -> None:
        self._nodes = services.nodes
        self._registry = services.registry
        self._heartbeats = services.heartbeats
        self._following = services.following
        self._database = services.database

    def page(self, call: Call) -> Answer:
        """Nodes, a page at a time."""
        query: NodesQuery = call.query
        labels = None if query.labels is None else parse_selector(query.labels)
        wanted = Filter(query.status, query.mode, labels, query.text)
        rows, total, following = self._nodes.page(wanted, query.limit, query.cursor)
        now_ms, newest = self._nodes.now_ms(), self._following.newest_of_all()
        found = [_body(row, now_ms, newest(row.id)) for row in rows]
        return Answer(200, NodePage(nodes=found, total=total, next_cursor=following))

    def show(self, call: Call) -> Answer:
        """One node."""
        return self._answer(self._nodes.get(call.path["node"]))

    def label(self, call: Call) -> Answer:
        """Change labels."""
        wanted: LabelsRequest = call.body
        return self._answer(self._nodes.label(_actor(call), call.path["node"], wanted.labels))

    def drain(self, call: Call) -> Answer:
        """Drain a node: it gets no new work."""
        return self._answer(self._nodes.want(_actor(call), call.path["node"], "draining"))

    def resume(self, call: Call) -> Answer:
        """End the drain of a node."""
        return self._answer(self._nodes.want(_actor(call), call.path["node"], "active"))

    def delete(self, call: Call) -> Answer:
        """Delete a node from the fleet."""
        query: DeleteQuery = call.query
        self._registry.delete(_actor(call), call.path["node"], allow_again=query.allow_again)
        return Answer(204)

    def register(self, call: Call) -> Answer:
        """Register a node, or confirm its registration."""
        found = self._registry.register(_actor(call), call.body)
        status, _ = judge(found.row, self._nodes.now_ms())
        with self._database.read() as connection:
            epoch = changes.epoch(connection)
        body = RegistrationAnswer(id=found.row.id, status=status, epoch=epoch)
        location = {"Location": f"/api/v1/nodes/{found.row.id}"}
        return Answer(201, body, location) if found.is_new else Answer(200, body)

    def rotate(self, call: Call) -> Answer:
        """Add a node's next key."""
        wanted: NodeKeyRequest = call.body
        node = own_node(call)
        self._registry.rotate(_actor(call), node, bytes.fromhex(wanted.key_sha256))
        return Answer(200, NodeKeyAnswer(id=node))

    def heartbeat(self, call: Call) -> Answer:
        """Take a node's heartbeat."""
        sent: Heartbeat = call.body
        at_ms = self._heartbeats.take(own_node(call), sent)
        acknowledged = [
            AcknowledgedIncident(id=each.id, updated_at=each.updated_at) for each in sent.incidents
        ]
        return Answer(200, HeartbeatAnswer(at=rfc3339(at_ms), acknowledged=acknowledged))

    def _answer(self, row: AnyRow) -> Answer:
        wanted = self._following.newest_of_all()(row.id)
        return Answer(200, _body(row, self._nodes.now_ms(), wanted))


def own_node(call: Call) -> str:
    """The node in the path; only that node's own key is accepted.

    Raises `ForbiddenError`.
    """
    node = call.path["node"]
    if node != call.principal.id:
        raise ForbiddenError(f"this key is node {call.principal.id!r}'s, not {node!r}'s")
    return node


def operations(services: Services) -> list[Operation]:
    """The operations on nodes."""
    views = NodeViews(services)
    return [*_of_people(views), *_of_nodes(views)]


def heartbeat_of(found: Sequence[Operation]) -> Operation:
    """The heartbeat operation among them, which a node calls every ten seconds."""
    return next(each for each in found if each.body is Heartbeat)


def _of_people(views: NodeViews) -> list[Operation]:
    operate, one = Role.OPERATE, {200: NodeBody}
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
        Operation("GET", "/nodes/{node}", views.show, "One node", Role.READ, one, errors=(404,)),
        Operation(
            "PATCH",
            "/nodes/{node}",
            views.label,
            "Set or remove labels of a node",
            operate,
            one,
            errors=(404,),
            body=LabelsRequest,
        ),
        Operation(
            "DELETE",
            "/nodes/{node}",
            views.delete,
            "Delete a node and revoke its key; its recorded attacks stay",
            Role.ADMIN,
            {204: None},
            errors=(404,),
            query=DeleteQuery,
        ),
        Operation(
            "POST",
            "/nodes/{node}/drain",
            views.drain,
            "Drain a node: it reports 'not ready' and continues to forward",
            operate,
            one,
            errors=(404,),
        ),
        Operation(
            "POST",
            "/nodes/{node}/resume",
            views.resume,
            "End a node's draining",
            operate,
            one,
            errors=(404,),
        ),
    ]


def _of_nodes(views: NodeViews) -> list[Operation]:
    return [
        Operation(
            "POST",
            "/nodes/register",
            views.register,
            "A node enrols with a token and the hash of a key that it has made",
            Role.ENROL,
            {200: RegistrationAnswer, 201: RegistrationAnswer},
            errors=(409, 410),
            body=Registration,
        ),
        Operation(
            "POST",
            "/nodes/{node}/heartbeat",
            views.heartbeat,
            "A node reports its state; with its own key",
            Role.NODE,
            {200: HeartbeatAnswer},
            errors=(404,),
            body=Heartbeat,
        ),
        Operation(
            "POST",
            "/nodes/{node}/key",
            views.rotate,
            "A node replaces its key; the old one is valid until the new one is first used",
            Role.NODE,
            {200: NodeKeyAnswer},
            errors=(404, 409),
            body=NodeKeyRequest,
        ),
    ]


def _actor(call: Call) -> Actor:
    return Actor(call.principal, call.request_id)


def _body(row: AnyRow, now_ms: int, wanted: DesiredBody | None) -> NodeBody:
    status, reasons = judge(row, now_ms)
    drain = row.applied.get("drain")
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
        desired=row.desired,
        clock_off_ms=row.clock_off_ms,
        policy=_followed(row.applied.get("policy"), wanted, "policy"),
        lists=_followed(row.applied.get("lists"), wanted, "lists"),
        rules=_followed(row.applied.get("rules"), wanted, "rules"),
        drain=None if drain is None else Applied.model_validate(drain),
        registered_at=rfc3339(row.registered_ms),
        last_seen_at=None if row.seen_ms is None else rfc3339(row.seen_ms),
        stats=row.stats,
    )


def _followed(
    said: Mapping[str, Any] | None, wanted: DesiredBody | None, part: str
) -> Followed | None:
    """The node's report on a part; ``wanted``: its desired state, None: it was deleted."""
    if said is None:
        return None
    number = None if wanted is None else getattr(wanted, part)
    is_newest = (
        wanted is not None
        and said["state"] == "applied"
        and (said["epoch"], said["number"]) == (wanted.epoch, number or 0)
    )
    return Followed(**said, wanted=number, is_newest=is_newest)

"""``/nodes/{node}/desired``, and the spread of changes."""

from __future__ import annotations

from collections.abc import Iterable

from api.common.contract.operations import Answer, Call, Operation
from api.common.contract.roles import Role
from api.orchestrator.following.schemas import DesiredBody, RevisionBody
from api.orchestrator.following.service import Following
from api.orchestrator.following.spread import Spread
from api.orchestrator.nodes.views import own_node


def operations(following: Following) -> list[Operation]:
    """The operations of nodes."""

    def desired(call: Call) -> Answer:
        return Answer(200, following.desired(own_node(call)))

    return [
        Operation(
            "GET",
            "/nodes/{node}/desired",
            desired,
            "The numbers of the node's desired state; for its own key, once a second",
            Role.NODE,
            {200: DesiredBody},
            errors=(404,),
            etag=True,
        )
    ]


def revisions(spreads: Iterable[Spread]) -> list[Operation]:
    """The operations of operators after a change."""
    return [_revision(each) for each in spreads]


def _revision(spread: Spread) -> Operation:
    def get(call: Call) -> Answer:
        return Answer(200, spread.of(call.number("a revision")))

    part = spread.log.part
    return Operation(
        "GET",
        f"/fleet/{part}/revisions/{{number}}",
        get,
        f"A change of the fleet's {part}, and the number of nodes on which it is in force",
        Role.READ,
        {200: RevisionBody},
        errors=(404,),
    )

"""``/nodes/{node}/desired``."""

from __future__ import annotations

from api.common.operations import Answer, Call, Operation
from api.common.roles import Role
from api.orchestrator.following.schemas import DesiredBody
from api.orchestrator.following.service import Following
from api.orchestrator.nodes.views import own_node


def operations(following: Following) -> list[Operation]:
    """What a node asks."""

    def desired(call: Call) -> Answer:
        return Answer(200, following.desired(own_node(call)))

    return [
        Operation(
            "GET",
            "/nodes/{node}/desired",
            desired,
            "What the node is to enforce, by numbers; for its own key, once a second",
            Role.NODE,
            {200: DesiredBody},
            errors=(404,),
            etag=True,
        )
    ]

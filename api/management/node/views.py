"""``/status``, ``/stats``, ``/health``."""

from __future__ import annotations

from api.common.contract.operations import Answer, Call, Operation
from api.common.contract.roles import Role
from api.management.node.schemas import HealthBody, StatsBody, StatusBody
from api.management.node.service import NodeView


def operations(node: NodeView) -> list[Operation]:
    """The operations on the node's status."""

    def status(_call: Call) -> Answer:
        return Answer(200, node.status())

    def stats(_call: Call) -> Answer:
        return Answer(200, node.stats())

    def live(_call: Call) -> Answer:
        return Answer(200, HealthBody(status="live"))

    def ready(_call: Call) -> Answer:
        node.check_ready()
        return Answer(200, HealthBody(status="ready"))

    return [
        Operation(
            "GET", "/status", status, "State and health of the node", Role.READ, {200: StatusBody}
        ),
        Operation("GET", "/stats", stats, "Counters", Role.READ, {200: StatsBody}, errors=(503,)),
        Operation(
            "GET",
            "/health/live",
            live,
            "Whether the API answers",
            None,
            {200: HealthBody},
            lane="instant",
        ),
        Operation(
            "GET",
            "/health/ready",
            ready,
            "Whether the node works: data plane running, database writable, not draining",
            None,
            {200: HealthBody},
            errors=(503,),
            lane="apart",
        ),
    ]

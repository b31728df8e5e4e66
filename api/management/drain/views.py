"""``/drain``."""

from __future__ import annotations

from api.access.audit.service import Actor
from api.common.contract.operations import Answer, Call, Operation
from api.common.contract.roles import Role
from api.common.contract.schemas import rfc3339
from api.management.dataplane import Dataplane
from api.management.drain.rows import Drain
from api.management.drain.schemas import DrainBody, DrainState
from api.management.drain.service import Draining
from dataplane.base.errors import DataplaneAwayError
from dataplane.shared.stats import NodeStats


def operations(draining: Draining, dataplane: Dataplane) -> list[Operation]:
    """The operations on draining."""

    def show(_call: Call) -> Answer:
        return answer(draining.now())

    def begin(call: Call) -> Answer:
        return answer(draining.begin(Actor(call.principal, call.request_id)))

    def end(call: Call) -> Answer:
        draining.end(Actor(call.principal, call.request_id))
        return answer(None)

    def answer(found: Drain | None) -> Answer:
        try:
            stats = None if found is None else dataplane.stats()
        except DataplaneAwayError:
            stats = None
        return Answer(200, DrainBody(draining=found is not None, drain=state(found, stats)))

    found = {200: DrainBody}
    return [
        Operation(
            "GET",
            "/drain",
            show,
            "Whether the node drains, and the progress of the drain",
            Role.READ,
            found,
        ),
        Operation(
            "POST",
            "/drain",
            begin,
            "Drain the node: it reports 'not ready' and continues to forward",
            Role.OPERATE,
            found,
        ),
        Operation("DELETE", "/drain", end, "End the drain", Role.OPERATE, found),
    ]


def state(found: Drain | None, stats: NodeStats | None) -> DrainState | None:
    """The body of the state; ``stats`` None: the data plane is away."""
    if found is None:
        return None
    drain = None if stats is None or stats.drain.state == "off" else stats.drain
    is_complete = drain is not None and drain.state == "complete"
    connections = stats.connections if stats else None
    return DrainState.model_validate(
        {
            "since": rfc3339(found.since_ms),
            "by": found.by,
            "complete": is_complete,
            "waiting_for": None if is_complete else drain.state if drain else "dataplane",
            "proxied_connections": connections.proxied + connections.opening
            if connections
            else None,
            "quiet_seconds": drain.quiet_s if drain else None,
            "connections_lost": stats.drain.lost if stats else None,
            "takes_links_down": stats.drain.takes_links_down if stats else None,
        }
    )

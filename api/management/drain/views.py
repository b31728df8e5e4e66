"""``/drain``."""

from __future__ import annotations

from api.access.audit.service import Actor
from api.common.operations import Answer, Call, Operation
from api.common.roles import Role
from api.common.schemas import rfc3339
from api.management.drain.schemas import DrainBody, DrainState
from api.management.drain.service import Drain, Draining


def operations(draining: Draining) -> list[Operation]:
    """What can be asked of a node that is to be left alone."""

    def show(_call: Call) -> Answer:
        return _answer(draining.now())

    def begin(call: Call) -> Answer:
        return _answer(draining.begin(Actor(call.principal, call.request_id)))

    def end(call: Call) -> Answer:
        draining.end(Actor(call.principal, call.request_id))
        return _answer(None)

    found = {200: DrainBody}
    return [
        Operation("GET", "/drain", show, "Whether the node drains", Role.READ, found),
        Operation(
            "POST",
            "/drain",
            begin,
            "Let the node drain: not ready, and forwarding what still comes",
            Role.OPERATE,
            found,
        ),
        Operation("DELETE", "/drain", end, "Let the node work as usual", Role.OPERATE, found),
    ]


def state(found: Drain | None) -> DrainState | None:
    """As a body has it."""
    return None if found is None else DrainState(since=rfc3339(found.since_ms), by=found.by)


def _answer(found: Drain | None) -> Answer:
    return Answer(200, DrainBody(draining=found is not None, drain=state(found)))

"""``/revisions``."""

from __future__ import annotations

from api.common.contract.operations import Answer, Call, Operation
from api.common.contract.roles import Role
from api.common.contract.schemas import Strict, Timestamp, rfc3339
from api.management.revisions.effects import Effects, State


class RevisionBody(Strict):
    """A change and its state; ``reason``: the reason of a rejection."""

    revision: int
    state: State
    action: str
    created_at: Timestamp
    created_by: str
    reason: str | None


def operations(effects: Effects) -> list[Operation]:
    """The operations on revisions: reading one."""

    def get(call: Call) -> Answer:
        found, state = effects.revision(call.number("a revision"))
        body = RevisionBody.model_validate(
            {
                "revision": found["number"],
                "state": state,
                "action": found["action"],
                "created_at": rfc3339(int(str(found["created_ms"]))),
                "created_by": found["created_by"],
                "reason": found["rejected"],
            }
        )
        return Answer(200, body)

    return [
        Operation(
            "GET",
            "/revisions/{number}",
            get,
            "The state of a change: pending, in force or rejected",
            Role.READ,
            {200: RevisionBody},
            errors=(404,),
        )
    ]

"""``/tokens``."""

from __future__ import annotations

from api.access.audit.service import Actor
from api.common.contract.operations import Answer, Call, Operation
from api.common.contract.roles import Role
from api.common.contract.schemas import rfc3339
from api.orchestrator.nodes.schemas import NewTokenBody, TokenBody, TokenList, TokenRequest
from api.orchestrator.nodes.tokens import Tokens
from api.storage.database import AnyRow


def operations(tokens: Tokens) -> list[Operation]:
    """The operations on enrolment tokens."""

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
    """The answer that is stored for an idempotency key: without the token's text."""
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

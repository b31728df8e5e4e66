"""``/keys``."""

from __future__ import annotations

from api.access.audit.service import Actor
from api.access.keys.schemas import KeyBody, KeyList, KeyRequest, NewKeyBody
from api.access.keys.service import Key, Keys
from api.common.contract.operations import Answer, Call, Operation
from api.common.contract.roles import Role
from api.common.contract.schemas import rfc3339


def operations(keys: Keys) -> list[Operation]:
    """The operations on keys."""

    def show(_call: Call) -> Answer:
        found = [KeyBody.model_validate(_fields(key)) for key in keys.all()]
        return Answer(200, KeyList(keys=found, total=len(found)))

    def make(call: Call) -> Answer:
        wanted: KeyRequest = call.body
        actor = Actor(call.principal, call.request_id, call.remember(lambda key, _: _answer(key)))
        key, text = keys.make(actor, wanted.name, Role(wanted.role), wanted.expires_in_seconds)
        body = NewKeyBody.model_validate({**_fields(key), "key": text})
        return Answer(201, body, {"Location": f"/api/v1/keys/{key.id}"})

    def remove(call: Call) -> Answer:
        keys.remove(Actor(call.principal, call.request_id), call.path["id"])
        return Answer(204)

    return [
        Operation("GET", "/keys", show, "All keys, without their text", Role.ADMIN, {200: KeyList}),
        Operation(
            "POST",
            "/keys",
            make,
            "Make a key; its text is in this answer and nowhere else",
            Role.ADMIN,
            {201: NewKeyBody},
            errors=(409,),
            body=KeyRequest,
            idempotent=True,
            secret=True,
        ),
        Operation(
            "DELETE",
            "/keys/{id}",
            remove,
            "Delete a key; the last admin key that does not expire stays",
            Role.ADMIN,
            {204: None},
            errors=(404, 409),
        ),
    ]


def _answer(key: Key) -> Answer:
    """The answer that is stored for an idempotency key: without the text of the API key."""
    return Answer(201, KeyBody.model_validate(_fields(key)))


def _fields(key: Key) -> dict[str, object]:
    expires = None if key.expires_ms is None else rfc3339(key.expires_ms)
    return {
        "id": key.id,
        "name": key.name,
        "role": str(key.role),
        "created_at": rfc3339(key.created_ms),
        "expires_at": expires,
    }

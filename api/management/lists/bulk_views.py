"""``/lists/bulk``: the progress of the import or bulk removal that is under way."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from api.common.contract.operations import Answer, Call, Operation
from api.common.contract.roles import Role
from api.common.contract.schemas import Strict, Timestamp, rfc3339
from api.management.lists.bulk import Bulk
from api.management.lists.progress import Kind, Phase
from dataplane.statelog import ListName


class BulkChange(Strict):
    """A bulk change. ``done`` and ``of`` count bytes while it is ``checking``, else networks."""

    kind: Kind
    list: ListName
    created_by: str
    request_id: Annotated[
        str, Field(description="X-Request-ID of the request that makes the change")
    ]
    began_at: Timestamp
    phase: Phase
    done: int
    of: int | None


class BulkBody(Strict):
    """The bulk change under way; null: there is none."""

    bulk: BulkChange | None


def operations(bulk: Bulk) -> list[Operation]:
    """The operations on bulk changes."""

    def show(_call: Call) -> Answer:
        now = bulk.progress
        if now is None:
            return Answer(200, BulkBody(bulk=None))
        change = BulkChange(
            kind=now.kind,
            list=now.list,
            created_by=now.created_by,
            request_id=now.request_id,
            began_at=rfc3339(now.began_ms),
            phase=now.phase,
            done=now.done,
            of=now.of,
        )
        return Answer(200, BulkBody(bulk=change))

    return [
        Operation(
            "GET",
            "/lists/bulk",
            show,
            "The progress of the import or removal in bulk that is running",
            Role.READ,
            {200: BulkBody},
        )
    ]

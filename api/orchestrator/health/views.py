"""``/health``."""

from __future__ import annotations

from typing import Literal

from api.common.contract.operations import Answer, Call, Operation
from api.common.contract.schemas import Strict
from api.storage.trouble import Storage


class HealthBody(Strict):
    """The answer of a successful check."""

    status: Literal["live", "ready"]


def operations(storage: Storage) -> list[Operation]:
    """The operations without a key."""

    def live(_call: Call) -> Answer:
        return Answer(200, HealthBody(status="live"))

    def ready(_call: Call) -> Answer:
        storage.check()
        return Answer(200, HealthBody(status="ready"))

    return [
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
            "Whether the database can be written",
            None,
            {200: HealthBody},
            errors=(503,),
            lane="apart",
        ),
    ]

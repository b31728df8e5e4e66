"""``/baseline``."""

from __future__ import annotations

from api.common.contract.operations import Answer, Call, Operation
from api.common.contract.roles import Role
from api.history.rates import PERIOD_S
from api.history.reading import History
from api.management.baseline import service
from api.management.baseline.schemas import BaselineBody, BaselineQuery
from api.management.dataplane import Dataplane
from dataplane.base.errors import DataplaneAwayError


class BaselineViews:
    """The handlers."""

    def __init__(self, history: History, plane: Dataplane) -> None:
        self._history = history
        self._plane = plane

    def show(self, call: Call) -> Answer:
        """The baseline of all profiles, or of one."""
        query: BaselineQuery = call.query
        with self._history.read() as connection:
            found = service.profiles(connection, query.profile)
        body = BaselineBody(period_seconds=PERIOD_S, profiles_beyond=self._beyond(), profiles=found)
        return Answer(200, body)

    def _beyond(self) -> int | None:
        try:
            return self._plane.baseline().beyond
        except DataplaneAwayError:
            return None


def operations(history: History, plane: Dataplane) -> list[Operation]:
    """The operations on the baseline."""
    return [
        Operation(
            "GET",
            "/baseline",
            BaselineViews(history, plane).show,
            "Recorded usual traffic of each profile",
            Role.READ,
            {200: BaselineBody},
            errors=(503,),
            query=BaselineQuery,
        )
    ]

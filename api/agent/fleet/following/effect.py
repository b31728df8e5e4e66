"""Finds out whether a change that this node's API has committed is in force in the data plane."""

from __future__ import annotations

from dataclasses import replace

from api.agent.fleet.following.part import Applied
from api.agent.node_api import NodeApi, RequestError
from api.common.contract.errors import NotFoundError

NOT_YET = "the data plane does not have it yet"


class Effect:
    """For one part: remembers the last committed change, so that it is not sent again."""

    def __init__(self, node: NodeApi) -> None:
        self._node = node
        self._committed: tuple[Applied, int] | None = None

    def of(self, applied: Applied, revision: int) -> Applied:
        """The given result if the revision is in force, else the same as ``pending``.

        Raises RequestError: not known now.
        """
        self._committed = applied, revision
        return self._look(applied, revision)

    def known(self, epoch: str, number: int) -> Applied | None:
        """The same as `of`, for the last committed change; None: that change does not cover the
        wanted number."""
        if self._committed is None:
            return None
        applied, revision = self._committed
        if applied.epoch != epoch or applied.number < number:
            return None
        return self._look(applied, revision)

    def _look(self, applied: Applied, revision: int) -> Applied:
        if self._is_pending(revision):
            return replace(applied, state="pending", message=NOT_YET)
        self._committed = None
        return applied

    def _is_pending(self, revision: int) -> bool:
        try:
            return bool(self._node.request("GET", f"revisions/{revision}")["state"] == "pending")
        except RequestError as error:
            if error.status != NotFoundError.http_status:
                raise
            return False  # there was no such revision, or it is too old

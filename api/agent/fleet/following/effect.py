"""Whether what was brought to this node's API is in force, as its data plane may be behind."""

from __future__ import annotations

from dataclasses import replace

from api.agent.fleet.following.part import Applied
from api.agent.node_api import NodeApi, RequestError
from api.common.contract.errors import NotFoundError

NOT_YET = "the data plane does not have it yet"


class Effect:
    """Of one part: remembers what the node has committed, so that it is not brought again."""

    def __init__(self, node: NodeApi) -> None:
        self._node = node
        self._committed: tuple[Applied, int] | None = None

    def of(self, applied: Applied, revision: int) -> Applied:
        """What the node has committed by a revision of its own, or ``pending``.

        Raises RequestError: not known now.
        """
        self._committed = applied, revision
        return self._look(applied, revision)

    def known(self, epoch: str, number: int) -> Applied | None:
        """The same of what was committed before; None: that is not all of what is wanted."""
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
            return False  # there has been none, or it was long ago

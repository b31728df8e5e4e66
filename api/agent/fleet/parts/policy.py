"""Applies the fleet's policy through this node's management API.

The management API stores which policy is in force (`api.management.policy.fleet`), so this module
stores nothing. Number 0 stands for no policy: when the fleet withdraws its policy, the node returns
to its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from api.agent.fleet.following.effect import NOT_YET
from api.agent.fleet.following.part import MESSAGE_LENGTH_MAX, Applied, Desired
from api.agent.fleet.orchestrator.session import Session
from api.agent.node_api import NodeApi, RequestError

_CONFLICT, _NOT_FOUND, _UNPROCESSABLE, _TOO_LARGE = 409, 404, 422, 413
_REFUSED = {_CONFLICT, _UNPROCESSABLE, _TOO_LARGE}
"""Answers that mean: the node has checked the policy and refuses it; it is not sent again."""
_OVERRIDDEN = "a policy of this node is in force in the place of the fleet's"


@dataclass(frozen=True)
class _Now:
    """The node's answer about its policy."""

    epoch: str | None
    number: int
    overridden: bool
    state: str
    """pending, in_force or rejected."""

    @classmethod
    def of(cls, answer: dict[str, Any]) -> _Now:
        ruling = answer.get("fleet") or {}
        return cls(
            ruling.get("epoch"),
            int(ruling.get("number") or 0),
            bool(ruling.get("overridden")),
            str(answer.get("state")),
        )


class PolicyPart:
    """See `api.agent.fleet.following.part.Part`."""

    name = "policy"

    def __init__(self, node_id: str, node: NodeApi, orchestrator: Session) -> None:
        self._path = f"nodes/{node_id}/policy"
        self._node = node
        self._orchestrator = orchestrator

    def wanted(self, desired: Desired) -> int:
        """The number of the policy; 0: the fleet has no policy for this node."""
        return int(desired.numbers.get("policy") or 0)

    def apply(self, epoch: str, number: int, before: Applied | None) -> Applied:
        """Fetch the policy and PUT it, unless the node has it already or has overridden it."""
        del before  # the node itself reports which policy it has
        now = self._now()
        if number == 0:
            return self._let_go(epoch, now)
        if now.overridden:
            return Applied(epoch, number, "overridden", _OVERRIDDEN)
        if (now.epoch, now.number) == (epoch, number):
            return self._applied(epoch, number, now.state)
        found = self._orchestrator.get(self._path)
        return self._put(str(found["epoch"]), int(found["number"]), found)

    def check(self, applied: Applied) -> Applied | None:
        """Check whether the operator has overridden the policy, or ended the override."""
        if applied.number == 0:
            return applied
        now = self._now()
        if now.overridden:
            is_known = applied.state == "overridden"
            given = Applied(applied.epoch, applied.number, "overridden", _OVERRIDDEN)
            return applied if is_known else given
        if applied.state == "overridden":
            return None
        if applied.state == "rejected":
            return applied
        is_there = (now.epoch, now.number) == (applied.epoch, applied.number)
        if not is_there:
            return None
        found = self._applied(applied.epoch, applied.number, now.state)
        return applied if found == applied else found

    def leave(self) -> None:
        """A policy stays."""

    def _let_go(self, epoch: str, now: _Now) -> Applied:
        """Withdraw the fleet's policy; a policy from another database of the fleet stays."""
        if now.epoch == epoch:
            try:
                self._node.request("DELETE", "policy/fleet")
            except RequestError as error:
                if error.status != _NOT_FOUND:
                    raise
        return Applied(epoch, 0)

    def _put(self, epoch: str, number: int, found: dict[str, Any]) -> Applied:
        query = f"fleet={quote(f'{epoch}.{number}')}"
        if found.get("accept_exempt"):
            query += "&accept_exempt=true"
        try:
            answer = self._node.request("PUT", f"policy?{query}", found["policy"])
        except RequestError as error:
            if error.status not in _REFUSED:
                raise
            if error.status == _CONFLICT and self._now().overridden:
                return Applied(epoch, number, "overridden", _OVERRIDDEN)
            return Applied(epoch, number, "rejected", error.detail[:MESSAGE_LENGTH_MAX])
        return self._applied(epoch, number, str(answer.get("state")))

    def _applied(self, epoch: str, number: int, state: str) -> Applied:
        """The result for a policy that the node has accepted."""
        if state == "in_force":
            return Applied(epoch, number)
        if state == "rejected":
            return Applied(epoch, number, "rejected", "the data plane has rejected it")
        return Applied(epoch, number, "pending", NOT_YET)

    def _now(self) -> _Now:
        return _Now.of(self._node.request("GET", "policy"))

"""Follows the fleet's rules of the WAF, by changes or all at once.

The node stores the fleet's id of each rule beside its own, and does not apply a change twice. A
rule that the node refuses is left out and reported; the other rules are in force.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from api.agent.fleet.following.database import NodeDatabase
from api.agent.fleet.following.effect import Effect
from api.agent.fleet.following.part import Applied, Desired
from api.agent.fleet.following.shrinking import shrinks
from api.agent.fleet.orchestrator.session import Session
from api.agent.node_api import NodeApi, RequestError
from api.common.contract.errors import ConflictError, UnprocessableError
from api.common.contract.schemas import PAGE_MAX, rfc3339, utc_ms

PUT_MAX = 100
PUT_BYTES_MAX = 1 << 17
"""Bytes of patterns in one request to port 9999."""
REMOVED_MAX = 1000
_TIMEOUT_S = 60.0
"""Time limit of a request: the node tests each pattern before it accepts it."""
_REFUSED = (ConflictError.http_status, UnprocessableError.http_status)
_NAMED_MAX = 5
_LEFT_MS_MIN = 1_000
"""A rule that ends sooner is not sent to the node."""


class RulesPart:
    """See `api.agent.fleet.following.part.Part`."""

    name = "rules"

    def __init__(
        self,
        node_id: str,
        node: NodeApi,
        orchestrator: Session,
        database: NodeDatabase,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._url = f"nodes/{node_id}/rules"
        self._node = node
        self._orchestrator = orchestrator
        self._database = database
        self._now_ms = now_ms
        self._effect = Effect(node)
        self._revision = 0
        """The node's revision of the newest change made here; 0: no change was necessary."""

    def wanted(self, desired: Desired) -> int | None:
        """A fleet always has rules, though there may be none."""
        number = desired.numbers.get("rules")
        return number if isinstance(number, int) else None

    def apply(self, epoch: str, number: int, before: Applied | None) -> Applied:
        """See `Part`; while a confirmation is missing, ``pending`` keeps the number that the node
        has."""
        if (said := self._effect.known(epoch, number)) is not None:
            return said
        self._revision = 0
        has = before or Applied(epoch, 0)
        since = "" if before is None else f"epoch={has.epoch}&since={has.number}&"
        found = self._orchestrator.get(f"{self._url}?{since}")
        epoch, change = str(found["epoch"]), int(found["change"])
        try:
            if not found["full"]:
                refused = self._put(self._rules(found)) + self._remove(found["removed"])
            elif held := self._has_to_wait(found):
                return Applied(has.epoch, has.number, "pending", held)
            else:
                refused = self._replace(found, since)
        except RequestError as error:
            if error.status not in _REFUSED:
                raise
            return Applied(epoch, change, "rejected", str(error))
        newest = self._database.remember()
        if refused:
            return Applied(epoch, change, "rejected", _told(refused))
        return self._effect.of(Applied(epoch, change), self._revision or newest)

    def check(self, applied: Applied) -> Applied | None:
        """None if this node's database was replaced: then it has lost the fleet's rules."""
        return None if self._database.is_lost() else applied

    def leave(self) -> None:
        """Remove the fleet's rules."""
        self._remove(list(self._held()))

    def _rules(self, page: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """The rules of an answer in the form of port 9999; their ends are on this host's clock."""
        off_ms = self._now_ms() - utc_ms(page["at"])
        for each in page["rules"]:
            rule = {"fleet_id": each["id"], **each}
            del rule["id"]
            if rule["expires_at"] is not None:
                ends_ms = utc_ms(rule["expires_at"]) + off_ms
                if ends_ms < self._now_ms() + _LEFT_MS_MIN:
                    continue
                rule["expires_at"] = rfc3339(ends_ms)
            yield rule

    def _put(self, rules: Iterable[dict[str, Any]]) -> list[str]:
        """Send rules; returns the refused ones with reasons."""
        refused: list[str] = []
        for some in _batches(rules):
            refused += self._change({"put": some})
        return refused

    def _remove(self, ids: Iterable[str]) -> list[str]:
        rest = iter(ids)
        while some := list(islice(rest, REMOVED_MAX)):
            self._change({"removed": some})
        return []

    def _change(self, body: dict[str, Any]) -> list[str]:
        found = self._node.request("POST", "rules/fleet", body, timeout_s=_TIMEOUT_S)
        self._revision = found["revision"] or self._revision
        return [f"{each['fleet_id']}: {each['why']}" for each in found["refused"]]

    def _held(self) -> Iterator[str]:
        """The fleet's ids of its rules on this node."""
        cursor = ""
        while True:
            page = self._node.request("GET", f"rules?origin=fleet&limit={PAGE_MAX}{cursor}")
            yield from (each["fleet_id"] for each in page["rules"])
            if page["next_cursor"] is None:
                return
            cursor = f"&cursor={page['next_cursor']}"

    def _replace(self, page: dict[str, Any], since: str) -> list[str]:
        """Add all missing rules, then remove those that the fleet does not have."""
        epoch, refused, wanted = page["epoch"], list[str](), set[str]()
        while True:
            wanted.update(each["id"] for each in page["rules"])
            refused += self._put(self._rules(page))
            if page["next_cursor"] is None:
                break
            page = self._orchestrator.get(f"{self._url}?{since}cursor={page['next_cursor']}")
            if page["epoch"] != epoch:
                raise RequestError(0, "the orchestrator's database was replaced meanwhile")
        self._remove([each for each in self._held() if each not in wanted])
        return refused

    def _has_to_wait(self, page: dict[str, Any]) -> str | None:
        if page["confirmed"]:
            return None
        has = int(self._node.request("GET", "rules?origin=fleet&limit=1")["total"])
        return shrinks("rules", has, int(page["total"]))


def _batches(rules: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Groups of rules that fit into one request."""
    some, size = list[dict[str, Any]](), 0
    for rule in rules:
        more = len(json.dumps(rule))
        if some and (len(some) >= PUT_MAX or size + more > PUT_BYTES_MAX):
            yield some
            some, size = [], 0
        some.append(rule)
        size += more
    if some:
        yield some


def _told(refused: list[str]) -> str:
    more = f"; and {len(refused) - _NAMED_MAX} more" if len(refused) > _NAMED_MAX else ""
    return "; ".join(refused[:_NAMED_MAX]) + more

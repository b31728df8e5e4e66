"""Follows the fleet's blacklist and allowlist, by changes or by a snapshot.

The fleet's entries on this node's lists have the origin ``fleet``; the node's own entries stay.
Changes are idempotent: an entry replaces itself, and a missing entry is not removed again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from api.agent.fleet.following.database import NodeDatabase
from api.agent.fleet.following.effect import Effect
from api.agent.fleet.following.part import Applied, Desired
from api.agent.fleet.following.shrinking import shrinks
from api.agent.fleet.lists.meanwhile import Meanwhile
from api.agent.fleet.lists.node_lists import NodeLists
from api.agent.fleet.lists.snapshot import Snapshot
from api.agent.fleet.lists.values import wanted_from
from api.agent.fleet.orchestrator.session import Session
from api.agent.node_api import NodeApi, RequestError
from api.common.contract.errors import ConflictError, UnprocessableError
from api.lists.kinds import LISTS
from dataplane.base.networks import Network

PAGE_ENTRIES = 1000
_REFUSED = (ConflictError.http_status, UnprocessableError.http_status)


class ListsPart:
    """See `api.agent.fleet.following.part.Part`."""

    name = "lists"

    def __init__(
        self,
        node_id: str,
        node: NodeApi,
        orchestrator: Session,
        directory: Path,
        database: NodeDatabase,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._url = f"nodes/{node_id}/lists"
        self._orchestrator = orchestrator
        self._directory = directory
        self._database = database
        self._now_ms = now_ms
        self._lists = NodeLists(node, now_ms)
        self._effect = Effect(node)

    def wanted(self, desired: Desired) -> int | None:
        """A fleet always has lists, though they may be empty."""
        number = desired.numbers.get("lists")
        return number if isinstance(number, int) else None

    def apply(self, epoch: str, number: int, before: Applied | None) -> Applied:
        """See `Part`. While a confirmation is missing, ``pending`` has the number that the node
        has."""
        if (said := self._effect.known(epoch, number)) is not None:
            return said
        has = before or Applied(epoch, 0)
        since = "" if before is None else f"epoch={has.epoch}&since={has.number}&"
        found = self._get(f"{since}limit={PAGE_ENTRIES}")
        try:
            if not found["full"]:
                self._change(found)
            elif (held := self._shrinks(found)) is not None:
                return Applied(has.epoch, has.number, "pending", held)
            else:
                self._replace(found, since)
        except RequestError as error:
            if error.status not in _REFUSED:
                raise
            return Applied(str(found["epoch"]), int(found["change"]), "rejected", str(error))
        revision = self._database.remember()
        return self._effect.of(Applied(str(found["epoch"]), int(found["change"])), revision)

    def check(self, applied: Applied) -> Applied | None:
        """None if this node's database was replaced: then it has lost the fleet's entries."""
        return None if self._database.is_lost() else applied

    def leave(self) -> None:
        """Remove the fleet's entries."""
        for name in LISTS:
            self._lists.clear(name)

    def _get(self, query: str) -> dict[str, Any]:
        return self._orchestrator.get(f"{self._url}?{query}")

    def _change(self, found: dict[str, Any]) -> None:
        """Apply changes: allowlist first; entries are removed after all additions."""
        now_ms = self._now_ms()
        wanted = [wanted_from(each, found["at"], now_ms) for each in found["entries"]]
        gone = [(each["list"], Network.parse(each["ip"])) for each in found["removed"]]
        gone += [(each.list, each.network) for each in wanted if each.left_s(now_ms) == 0]
        for name in reversed(LISTS):
            self._lists.put(name, (each for each in wanted if each.list == name))
        for name in LISTS:
            self._lists.remove(name, (network for of, network in gone if of == name))

    def _replace(self, page: dict[str, Any], since: str) -> None:
        """Make the fleet's entries on the node those of a snapshot; ``page`` is its first page."""
        query = f"{since}limit={PAGE_ENTRIES}"
        meanwhile = Meanwhile(page, self._get, self._change)

        def fetch(cursor: str | None) -> dict[str, Any]:
            meanwhile.turn()
            return self._get(f"{query}&cursor={cursor}")

        with Snapshot(self._directory, self._now_ms, meanwhile.touched) as snapshot:
            snapshot.fetch(page, fetch)
            for name in reversed(LISTS):
                self._lists.put(name, snapshot.missing(name, self._lists), meanwhile.turn)
            for name in LISTS:
                self._lists.remove(name, snapshot.surplus(name, self._lists), meanwhile.turn)

    def _shrinks(self, page: dict[str, Any]) -> str | None:
        """The reason for which a snapshot has to wait for a confirmation; None: it need not
        wait."""
        if page["confirmed"]:
            return None
        for name in LISTS:
            message = shrinks(name, self._lists.count(name), int(page["totals"][name]))
            if message is not None:
                return message
        return None

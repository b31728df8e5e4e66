"""Follows the fleet's blacklist and allowlist: what has changed, or everything.

The fleet's entries are those of origin ``fleet`` on this node's lists; all others are the node's
own and stay. Doing a change twice is harmless: an entry replaces itself, and what is gone is gone.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from api.agent.fleet.lists.node_lists import NodeLists
from api.agent.fleet.lists.snapshot import Snapshot
from api.agent.fleet.lists.values import wanted_from
from api.agent.fleet.orchestrator import Session
from api.agent.fleet.part import MESSAGE_LENGTH_MAX, Applied, Desired
from api.agent.node_api import NodeApi, RequestError
from api.common.disk import StorageError
from api.common.errors import ConflictError, UnprocessableError
from api.common.files import write_private
from api.lists.kinds import LISTS
from dataplane.base.networks import Network

PAGE_ENTRIES = 1000
SHRINKS_ENTRIES_MAX = 100
SHRINKS_PERCENT_MAX = 10
"""A snapshot that would take more than so many entries and so large a share off a list waits."""
_REFUSED = (ConflictError.http_status, UnprocessableError.http_status)


class ListsPart:
    """See `api.agent.fleet.part.Part`."""

    name = "lists"

    def __init__(
        self,
        node_id: str,
        node: NodeApi,
        orchestrator: Session,
        directory: Path,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._url = f"nodes/{node_id}/lists"
        self._node = node
        self._orchestrator = orchestrator
        self._directory = directory
        self._now_ms = now_ms
        self._lists = NodeLists(node, now_ms)

    def wanted(self, desired: Desired) -> int | None:
        """A fleet always has lists, if only empty ones."""
        number = desired.numbers.get("lists")
        return number if isinstance(number, int) else None

    def apply(self, epoch: str, number: int, before: Applied | None) -> Applied:
        """See `Part`. ``pending`` and its number say what the node has until it is confirmed."""
        del number  # what there is now is newer
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
            message = str(error)[:MESSAGE_LENGTH_MAX]
            return Applied(str(found["epoch"]), int(found["change"]), "rejected", message)
        self._remember()
        return Applied(str(found["epoch"]), int(found["change"]))

    def check(self, applied: Applied) -> Applied | None:
        """None if this node's database has become another: it has lost the fleet's entries."""
        known = self._known()
        return applied if known is None or known == self._database() else None

    def leave(self) -> None:
        """The fleet's entries go."""
        for name in LISTS:
            self._lists.clear(name)

    def _get(self, query: str) -> dict[str, Any]:
        return self._orchestrator.get(f"{self._url}?{query}")

    def _change(self, found: dict[str, Any]) -> None:
        """Do what has changed: the allowlist first, and nothing is taken off before."""
        now_ms = self._now_ms()
        wanted = [wanted_from(each, found["at"], now_ms) for each in found["entries"]]
        gone = [(each["list"], Network.parse(each["ip"])) for each in found["removed"]]
        gone += [(each.list, each.network) for each in wanted if each.left_s(now_ms) == 0]
        for name in reversed(LISTS):
            self._lists.put(name, (each for each in wanted if each.list == name))
        for name in LISTS:
            self._lists.remove(name, (network for of, network in gone if of == name))

    def _replace(self, page: dict[str, Any], since: str) -> None:
        """Make the fleet's entries here those of a snapshot, of which the first page is there."""
        query = f"{since}limit={PAGE_ENTRIES}"
        with Snapshot(self._directory, self._now_ms) as snapshot:
            snapshot.fetch(page, lambda cursor: self._get(f"{query}&cursor={cursor}"))
            for name in reversed(LISTS):
                self._lists.put(name, snapshot.missing(name, self._lists))
            for name in LISTS:
                self._lists.remove(name, snapshot.surplus(name, self._lists))

    def _shrinks(self, page: dict[str, Any]) -> str | None:
        """Why a snapshot has to wait; None: it has not."""
        if page["confirmed"]:
            return None
        for name in LISTS:
            has, wanted = self._lists.count(name), int(page["totals"][name])
            lost = has - wanted
            if lost > SHRINKS_ENTRIES_MAX and lost * 100 > has * SHRINKS_PERCENT_MAX:
                return (
                    f"the fleet's {name} has {wanted} entries, this node {has} of the fleet's: "
                    f"over {SHRINKS_PERCENT_MAX} % and {SHRINKS_ENTRIES_MAX} entries would go; "
                    "confirm with POST /api/v1/fleet/lists/confirm"
                )
        return None

    @property
    def _file(self) -> Path:
        return self._directory / "fleet-lists.json"

    def _remember(self) -> None:
        """Which database of this node has the entries."""
        database = self._database()
        if database != self._known():
            with suppress(StorageError):  # what it guards against is rarer than a full disk
                write_private(self._file, json.dumps({"database_id": database}) + "\n")

    def _known(self) -> str | None:
        try:
            found = json.loads(self._file.read_bytes())
            return str(found["database_id"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _database(self) -> str:
        return str(self._node.request("GET", "status")["database_id"])

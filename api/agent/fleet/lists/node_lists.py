"""This node's lists; the agent reads and changes the entries of origin ``fleet`` only."""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar
from urllib.parse import quote

from api.agent.fleet.lists.values import Entry, held_from
from api.agent.node_api import NodeApi, RequestError
from api.common.contract.errors import NotFoundError
from api.common.contract.schemas import PAGE_MAX
from api.lists.lines import NDJSON
from api.lists.schemas import ENTRIES_MAX, FLEET, NETWORKS_MAX
from dataplane.base.networks import Network
from dataplane.statelog import ListName

SINGLE_MAX = 20
"""Up to so many networks are removed one by one; more in bulk, of which one may run at a time."""
IMPORT_LINES_MAX = 20_000
"""Entries of one import: the agent holds them in memory at once, about 10 MB."""
_BULK_TIMEOUT_S = 120.0
_OF_FLEET = f"origin={FLEET}"


T = TypeVar("T")


def _nothing() -> None:
    """The default of ``between``: does nothing."""


class NodeLists:
    """The lists through port 9999. Every method raises RequestError."""

    def __init__(self, node: NodeApi, now_ms: Callable[[], int]) -> None:
        self._node = node
        self._now_ms = now_ms

    def count(self, name: ListName) -> int:
        """The number of the fleet's entries on a list."""
        return int(self._node.request("GET", f"{name}?{_OF_FLEET}&limit=1")["total"])

    def held(self, name: ListName) -> Iterator[Entry]:
        """The fleet's entries on a list, ordered by network."""
        cursor = ""
        while True:
            page = self._node.request("GET", f"{name}?{_OF_FLEET}&limit={PAGE_MAX}{cursor}")
            yield from (held_from(each, name) for each in page[name])
            if page["next_cursor"] is None:
                return
            cursor = f"&cursor={page['next_cursor']}"

    def put(
        self, name: ListName, wanted: Iterable[Entry], between: Callable[[], None] = _nothing
    ) -> None:
        """Add entries, or replace those of the same networks.

        ``between`` is called before each group of entries.
        """
        rest = iter(wanted)
        while some := _some(rest, IMPORT_LINES_MAX, between):
            if len(some) <= ENTRIES_MAX:
                entries = [each | {"origin": FLEET} for each in self._bodies(some)]
                if entries:
                    self._node.request(
                        "POST", name, {"entries": entries}, timeout_s=_BULK_TIMEOUT_S
                    )
            else:
                self._import(name, some)

    def remove(
        self, name: ListName, networks: Iterable[Network], between: Callable[[], None] = _nothing
    ) -> None:
        """Remove networks from a list; networks that are not on it are ignored."""
        rest = iter(networks)
        while some := _some(rest, NETWORKS_MAX, between):
            if len(some) <= SINGLE_MAX:
                for network in some:
                    self._remove_one(name, network)
            else:
                self._remove_many(name, {"networks": [str(each) for each in some]})

    def clear(self, name: ListName) -> None:
        """Remove all entries of the fleet from a list."""
        self._remove_many(name, {})

    def _bodies(self, entries: Sequence[Entry]) -> Iterator[dict[str, Any]]:
        now_ms = self._now_ms()
        return (each.body(now_ms) for each in entries if each.left_s(now_ms) != 0)

    def _import(self, name: ListName, entries: Sequence[Entry]) -> None:
        lines = io.BytesIO()
        for body in self._bodies(entries):
            lines.write(json.dumps(body).encode() + b"\n")
        lines.seek(0)
        path = f"{name}/import?{_OF_FLEET}&on_conflict=replace"
        self._node.upload(path, lines, NDJSON, _BULK_TIMEOUT_S)

    def _remove_one(self, name: ListName, network: Network) -> None:
        try:
            self._node.request("DELETE", f"{name}/{quote(str(network), safe='')}?{_OF_FLEET}")
        except RequestError as error:
            if error.status != NotFoundError.http_status:
                raise

    def _remove_many(self, name: ListName, which: dict[str, Any]) -> None:
        body = which | {"origin": FLEET}
        self._node.request("POST", f"{name}/remove", body, timeout_s=_BULK_TIMEOUT_S)


def _some(rest: Iterator[T], most: int, between: Callable[[], None]) -> list[T]:
    between()
    return list(itertools.islice(rest, most))

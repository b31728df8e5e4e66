"""Everything that the fleet wants on the lists, in a file, and how it differs from what is there.

A million entries come page by page and lie in a file, so that the agent's memory holds a page. Both
sides have them in the same order: one walk through both finds what is missing and what is too much.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from api.agent.fleet.lists.node_lists import NodeLists
from api.agent.fleet.lists.values import Entry, wanted_from
from api.agent.node_api import RequestError
from dataplane.base.networks import Network
from dataplane.statelog import ListName

END_MS_OFF_MAX = 5_000
"""So far may an end on the node be from the fleet's: as long as the pages may be under way."""

Fetch = Callable[[str | None], dict[str, Any]]
"""A page of everything, by the cursor of the one before."""


class Snapshot:
    """A context: the file goes with it."""

    def __init__(
        self,
        directory: Path,
        now_ms: Callable[[], int],
        left_alone: AbstractSet[tuple[ListName, Network]] = frozenset(),
    ) -> None:
        """``left_alone``: neither missing nor too much, whatever the snapshot says of them."""
        self._directory = directory
        self._now_ms = now_ms
        self._left_alone = left_alone
        self._stack = ExitStack()
        self.epoch = ""
        self.change = 0

    def __enter__(self) -> Snapshot:
        self._file = self._stack.enter_context(TemporaryFile("w+", dir=self._directory))
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stack.close()

    def fetch(self, page: dict[str, Any], fetch: Fetch) -> None:
        """Put all pages into the file, of which one is there already.

        Raises RequestError, also if the orchestrator's database has become another meanwhile. What
        has changed between two pages is told again by what follows the change of the first.
        """
        self.epoch, self.change = str(page["epoch"]), int(page["change"])
        while True:
            self._add(page)
            if page["next_cursor"] is None:
                return
            page = fetch(page["next_cursor"])
            if page["epoch"] != self.epoch:
                raise RequestError(0, "the orchestrator's database was replaced meanwhile")

    def missing(self, name: ListName, node: NodeLists) -> Iterator[Entry]:
        """What the node has not, or has otherwise."""
        for wanted, held in self._walk(name, node):
            if wanted is None or (name, wanted.network) in self._left_alone:
                continue
            if held is None or _differ(wanted, held):
                yield wanted

    def surplus(self, name: ListName, node: NodeLists) -> Iterator[Network]:
        """What the node has, and the fleet has not."""
        for wanted, held in self._walk(name, node):
            if wanted is None and held is not None and (name, held.network) not in self._left_alone:
                yield held.network

    def _add(self, page: dict[str, Any]) -> None:
        at, now_ms = page["at"], self._now_ms()
        for document in page["entries"]:
            entry = wanted_from(document, at, now_ms)
            row = (entry.list, str(entry.network), entry.reason, entry.ends_ms)
            self._file.write(json.dumps(row) + "\n")

    def _wanted(self, name: ListName) -> Iterator[Entry]:
        now_ms = self._now_ms()
        self._file.seek(0)
        for line in iter(self._file.readline, ""):
            of, text, reason, ends_ms = json.loads(line)
            if of == name and (ends_ms is None or ends_ms > now_ms):
                yield Entry(of, Network.parse(text), reason, ends_ms)

    def _walk(self, name: ListName, node: NodeLists) -> Iterator[tuple[Entry | None, Entry | None]]:
        """Each network that either has, with both entries."""
        left, right = self._wanted(name), node.held(name)
        wanted, held = next(left, None), next(right, None)
        while wanted is not None or held is not None:
            if held is None or (wanted is not None and wanted.key < held.key):
                yield wanted, None
                wanted = next(left, None)
            elif wanted is None or held.key < wanted.key:
                yield None, held
                held = next(right, None)
            else:
                yield wanted, held
                wanted, held = next(left, None), next(right, None)


def _differ(wanted: Entry, held: Entry) -> bool:
    if wanted.reason != held.reason or (wanted.ends_ms is None) != (held.ends_ms is None):
        return True
    if wanted.ends_ms is None or held.ends_ms is None:
        return False
    return abs(wanted.ends_ms - held.ends_ms) > END_MS_OFF_MAX

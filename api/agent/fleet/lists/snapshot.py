"""All entries that the fleet wants on the lists, in a file, compared with the node's entries.

A million entries arrive page by page and are written to a file, so that the agent holds one page in
memory. Both sides are in the same order: one pass over both finds missing and surplus entries.
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
"""Two ends that differ by at most so much count as equal: pages may be in transit for so long."""

Fetch = Callable[[str | None], dict[str, Any]]
"""Fetches a page of the snapshot, by the cursor of the page before."""


class Snapshot:
    """A context manager, which deletes the file at its end."""

    def __init__(
        self,
        directory: Path,
        now_ms: Callable[[], int],
        left_alone: AbstractSet[tuple[ListName, Network]] = frozenset(),
    ) -> None:
        """``left_alone``: networks that are neither missing nor surplus, whatever the
        snapshot has."""
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
        """Write all pages to the file; ``page`` is the first one.

        Raises RequestError, also if the orchestrator's database was replaced meanwhile. Changes
        between two pages arrive again, after the change number of the first page.
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
        """Entries that the node does not have, or has with other values."""
        for wanted, held in self._walk(name, node):
            if wanted is None or (name, wanted.network) in self._left_alone:
                continue
            if held is None or _differ(wanted, held):
                yield wanted

    def surplus(self, name: ListName, node: NodeLists) -> Iterator[Network]:
        """Networks that the node has and the fleet does not."""
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
        """Each network that one side has at least, with the entries of both."""
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

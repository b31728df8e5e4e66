"""What the fleet changes while a node puts everything on its lists: done once a second.

A million entries take a node minutes, and a ban that comes meanwhile must not wait for them. What
was changed in this way is left to those changes: a snapshot's pages may be older, or newer. All of
it is told once more by what follows the snapshot, so nothing depends on how far this came.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from dataplane.base.networks import Network
from dataplane.statelog import ListName

ASK_S = 1.0

Place = tuple[ListName, Network]
Ask = Callable[[str], dict[str, Any]]
"""What has changed, by the query of ``/nodes/{node}/lists``."""


class Meanwhile:
    """Between a snapshot's first page and its last entry."""

    def __init__(
        self,
        page: dict[str, Any],
        ask: Ask,
        change: Callable[[dict[str, Any]], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``page``: the first; ``change`` does what an answer that is not full says."""
        self._epoch, self._since = str(page["epoch"]), int(page["change"])
        self._ask = ask
        self._change = change
        self._clock = clock
        self._due_s = clock() + ASK_S
        self._is_over = False
        self.touched: set[Place] = set()
        """As many as the orchestrator's log of changes has, at most."""

    def turn(self) -> None:
        """Call often. Raises RequestError."""
        if self._is_over or self._clock() < self._due_s:
            return
        found = self._ask(f"epoch={self._epoch}&since={self._since}&limit=1")
        if found["full"]:  # so much has changed that another snapshot is to come
            self._is_over = True
            return
        self._change(found)
        for each in (*found["entries"], *found["removed"]):
            self.touched.add((each["list"], Network.parse(each["ip"])))
        self._since = int(found["change"])
        self._due_s = self._clock() + ASK_S

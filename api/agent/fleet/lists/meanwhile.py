"""Applies changes of the fleet's lists once a second while the node loads a snapshot of them.

A million entries take a node minutes, and a ban that arrives meanwhile must not wait for them. The
snapshot does not touch networks that were changed in this way, because its pages may be older or
newer. After the snapshot the node receives all these changes once more, so nothing depends on how
far this class came.
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
"""Changes of the lists, by the query of ``/nodes/{node}/lists``."""


class Meanwhile:
    """Used between the first page and the last entry of a snapshot."""

    def __init__(
        self,
        page: dict[str, Any],
        ask: Ask,
        change: Callable[[dict[str, Any]], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``page``: the first page; ``change`` applies an answer that is not ``full``."""
        self._epoch, self._since = str(page["epoch"]), int(page["change"])
        self._ask = ask
        self._change = change
        self._clock = clock
        self._due_s = clock() + ASK_S
        self._is_over = False
        self.touched: set[Place] = set()
        """Changed networks; at most as many as the orchestrator's log of changes holds."""

    def turn(self) -> None:
        """Ask for changes if it is time to; call often. Raises RequestError."""
        if self._is_over or self._clock() < self._due_s:
            return
        found = self._ask(f"epoch={self._epoch}&since={self._since}&limit=1")
        if found["full"]:  # too many changes: another snapshot follows
            self._is_over = True
            return
        self._change(found)
        for each in (*found["entries"], *found["removed"]):
            self.touched.add((each["list"], Network.parse(each["ip"])))
        self._since = int(found["change"])
        self._due_s = self._clock() + ASK_S

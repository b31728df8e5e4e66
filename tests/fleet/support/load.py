"""Clients that ask for a page all the time, each request on a connection of its own."""

from __future__ import annotations

import threading
from collections import Counter
from types import TracebackType
from typing import Self

from tests.fleet.support import network
from tests.support.instances.lab import Lab

CLIENTS = 2
REQUEST_S = 50
"""One that takes so long is lost. TCP sends again what was under way when a link went down."""
_PAUSE_S = 0.1
_END_S = 2 * REQUEST_S


class Load:
    """Within the block they ask; behind it `lost` is complete."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._clients = [threading.Thread(target=self._ask) for _ in range(CLIENTS)]
        self.answered = 0
        self.lost: Counter[str] = Counter()
        """What curl has said of those without the page."""

    def __enter__(self) -> Self:
        for client in self._clients:
            client.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        for client in self._clients:
            client.join(_END_S)

    def _ask(self) -> None:
        while not self._stop.is_set():
            done = self._lab.curl(f"http://{network.ORIGIN}/", timeout_s=REQUEST_S)
            with self._lock:
                if done.returncode == 0 and "Hello" in done.stdout:
                    self.answered += 1
                else:
                    self.lost[f"{done.returncode}: {done.stderr.strip()}"] += 1
            self._stop.wait(_PAUSE_S)

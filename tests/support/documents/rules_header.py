"""Reads what a data plane publishes about its rules, word by word, from the statistics pages."""

from __future__ import annotations

import time
from collections.abc import Callable

from dataplane.client import Observer
from dataplane.native import abi

WAIT_S = 60


class RulesHeader:
    """The words about rules in the header; `observer` must stay open."""

    def __init__(self, observer: Observer) -> None:
        self._view = observer._lease.memories[0].view

    def word(self, name: str) -> int:
        offset = getattr(abi.StatsHeader, name).offset
        return int.from_bytes(self._view[offset : offset + 8], "little")

    @property
    def is_ready(self) -> bool:
        return bool(self.word("rules_state") & abi.RulesState.READY)

    def wait(self, condition: Callable[[RulesHeader], bool]) -> None:
        end = time.monotonic() + WAIT_S
        while not condition(self):
            assert time.monotonic() < end, {
                name: self.word(name)
                for name in ("rules_through", "rules_state", "rules_used", "rules_pending")
            }
            time.sleep(0.005)

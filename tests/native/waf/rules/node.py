"""Rules on a harness, with a real compile helper."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from dataplane.base.clock import SystemClock
from dataplane.native import abi
from dataplane.native.abi import WafClass
from dataplane.tables.waf_table import engine_version
from dataplane.waf.compiling.helper import HelperSettings
from dataplane.waf.compiling.keeper import HANG_S, Keeper
from dataplane.waf.composing import open_rules
from dataplane.waf.exchange.cache import Cache
from tests.native.harness import Harness
from tests.native.waf.waf_support import Scanner

WAIT_S = 60


class Node:
    """Rules on a harness, and whoever compiles them."""

    def __init__(
        self,
        harness: Harness,
        directory: Path,
        *,
        has_helper: bool = True,
        hang_s: float = HANG_S,
    ) -> None:
        self.harness = harness
        self.opened = ExitStack()
        self.socket = directory / "rules.sock"
        self.cache = Cache(directory / "cache", engine_version(harness.library))
        self.keeper: Keeper | None = None
        if has_helper:
            settings = HelperSettings(self.socket, (), self.cache.directory)
            self.keeper = self.opened.enter_context(Keeper(settings, frozenset(), hang_s))
        self.header = abi.StatsHeader()
        self.clock = SystemClock()
        harness.time.boot_ds = self.clock.boot_ms() // 100
        places = (self.socket, self.cache)
        self.rules = open_rules(
            *(harness.library, places, harness.node, [harness.lcore], self.header),
            clock=self.clock,
            opened=self.opened,
        )
        self.refused: list[tuple[int, int, str]] = []
        self.rules.on_refused = lambda *what: self.refused.append(what)
        self.scanner = Scanner(harness)

    def turn_until(self, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + WAIT_S
        while not condition():
            assert time.monotonic() < end, self.header.rules_state
            self.rules.turn()
            time.sleep(0.001)

    def settle(self) -> None:
        """Until nothing is compiled any more."""
        self.turn_until(lambda: not self.rules.pending_count and not self.rules.is_building)

    def hits(self, data: bytes, target: WafClass = WafClass.ANY, name: str = "") -> list[int]:
        """Numbers of the rules that one scan hits."""
        self.harness.time.boot_ds = self.clock.boot_ms() // 100
        slots = self.scanner.hits(data, target, name)
        return [self.header.rule_number[slot] for slot in slots]

    def close(self) -> None:
        self.opened.close()


def helper_of(keeper: int) -> int:
    """Process id of the keeper's one child; waits until there is one."""
    children = Path(f"/proc/{keeper}/task/{keeper}/children")
    end = time.monotonic() + WAIT_S
    while not (found := children.read_text().split()):
        assert time.monotonic() < end
        time.sleep(0.01)
    return int(found[0])

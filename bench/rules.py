"""Compiling, memory, swapping and scanning of 50,000 WAF rules: ``python -m bench.rules``.

Uses the real compile helper, the control loop's part of the work in this process, and scans in C
through ctypes, whose own cost (a scan without bytes) is subtracted. No packet path runs.
"""

from __future__ import annotations

import ctypes
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from dataplane.base.clock import SystemClock
from dataplane.native import abi
from dataplane.native.library import load
from dataplane.tables.policy_table import KEY_BYTES, PolicyTable
from dataplane.tables.waf_table import engine_version
from dataplane.waf.compiling.helper import HelperSettings
from dataplane.waf.compiling.keeper import Keeper
from dataplane.waf.compiling.traffic import SAMPLE
from dataplane.waf.composing import open_rules
from dataplane.waf.document import RULES_MAX, Rule
from dataplane.waf.exchange.cache import Cache
from dataplane.waf.rules import Rules
from tests.support.native import build_pipeline

ADDITIONS = 100
ADDITION_PAUSE_S = 0.3
_SCANS = 20_000
_SEED = 16
_TEMPLATES = (
    r"/{a}/{b}\.(?:php|asp|jsp)\?{c}=\d+",
    r"\b{a}\s+{b}\s*\(",
    r"{a}[-_]{b}[0-9]{{1,4}}",
    r"<{a}[^>]{{0,60}}{b}=",
    r"{a}(?:%20|\+|\s){b}.{{0,20}}{c}",
    r"(?:{a}|{b})={c}\b",
)


@dataclass
class Result:
    """Seconds, bytes and nanoseconds."""

    rules: int
    compile_s: float = 0.0
    database_bytes: int = 0
    longest_turn_s: float = 0.0
    """The longest turn of the control loop's part, while all rules were compiled, read and
    swapped."""
    addition_s: list[float] = field(default_factory=list)
    removal_s: list[float] = field(default_factory=list)
    restart_s: float = 0.0
    scan_ns: float = 0.0
    """Cost of a request of the sample traffic: head and values, main tier only."""
    scan_with_tiers_ns: float = 0.0
    resident_bytes: int = 0
    """Memory that the rules and the database in force have added to this process."""
    request_bytes: float = 0.0


def patterns(count: int) -> list[str]:
    """``count`` different patterns of six forms, the same each time."""
    source = random.Random(_SEED)
    letters = "abcdefghijklmnopqrstuvwxyz"

    def word() -> str:
        return "".join(source.choices(letters, k=source.randint(5, 11)))

    found: dict[str, None] = {}
    while len(found) < count:
        text = source.choice(_TEMPLATES).format(a=word(), b=word(), c=word())
        found[text] = None
    return list(found)


def resident() -> int:
    """Bytes of this process's resident set."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


class Node:
    """Rules and a helper, on an lcore that does not run."""

    def __init__(self, directory: Path, *, has_helper: bool = True) -> None:
        self.library = load(build_pipeline())
        self.opened = ExitStack()
        self.header, self.stats = abi.StatsHeader(), abi.LcoreStats()
        clock = SystemClock()
        self.time = abi.Time(tsc=1, boot_ds=clock.boot_ms() // 100)
        self.node = abi.Node(lcore_count=1)
        policy = self.opened.enter_context(PolicyTable(self.library))
        policy.build(bytes(KEY_BYTES))
        self.lcore = abi.Lcore(
            node=ctypes.addressof(self.node),
            stats=ctypes.addressof(self.stats),
            policy=policy.address,
        )
        cache = Cache(directory / "cache", engine_version(self.library))
        socket = directory / "rules.sock"
        if has_helper:
            helper = HelperSettings(socket, (), cache.directory)
            self.opened.enter_context(Keeper(helper, frozenset()))
        self.rules: Rules = open_rules(
            *(self.library, (socket, cache), self.node, [self.lcore], self.header),
            clock=clock,
            opened=self.opened,
        )
        self.longest_turn_s = 0.0

    def turn_until(self, condition: Callable[[], bool]) -> float:
        """Run turns until the condition is true; returns the seconds."""
        begun = time.perf_counter()
        while not condition():
            before = time.perf_counter()
            self.rules.turn()
            self.longest_turn_s = max(self.longest_turn_s, time.perf_counter() - before)
            time.sleep(0.001)
        return time.perf_counter() - begun

    def put(self, rules: list[Rule], revision: int) -> float:
        """Put the rules; returns the seconds until they are in force."""
        begun = time.perf_counter()
        self.rules.put(rules, revision)
        self.turn_until(lambda: not self.rules.pending_count)
        return time.perf_counter() - begun

    def scan_ns(self) -> float:
        """Nanoseconds per request of the sample traffic."""
        request = (ctypes.c_uint8 * 512)()
        lcore, now = ctypes.byref(self.lcore), ctypes.byref(self.time)
        begin, scan = self.library.sb_waf_begin, self.library.sb_waf_scan
        begin.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint16, ctypes.c_void_p]
        scan.argtypes = [ctypes.c_void_p, *[ctypes.c_uint32] * 2, ctypes.c_char_p, ctypes.c_uint32]
        begin(request, lcore, 0, now)
        pieces = [piece for one in SAMPLE for piece in one]

        def per_request(size_of: Callable[[bytes], int]) -> float:
            rounds = []
            for _ in range(9):
                begun = time.perf_counter_ns()
                for _ in range(_SCANS // len(pieces)):
                    for piece in pieces:
                        scan(request, 0, 0, piece, size_of(piece))
                rounds.append(time.perf_counter_ns() - begun)
            return min(rounds) / (_SCANS // len(pieces)) / len(SAMPLE)

        return per_request(len) - per_request(lambda _: 0)

    def close(self) -> None:
        """Close the opened tables; also ends the helper."""
        self.opened.close()


def measure(count: int = RULES_MAX) -> Result:
    """Run all measurements, one after another; takes minutes."""
    count = min(count, RULES_MAX - ADDITIONS)
    result = Result(count)
    result.request_bytes = statistics.mean(len(head) + len(values) for head, values in SAMPLE)
    made = patterns(count + ADDITIONS)
    with tempfile.TemporaryDirectory() as directory:
        node = Node(Path(directory))
        node.rules.start()
        node.turn_until(lambda: not node.header.rules_state & abi.RulesState.AWAY)
        before = resident()
        rules = [Rule(number, text) for number, text in enumerate(made[:count], 1)]
        node.longest_turn_s = 0.0
        result.compile_s = node.put(rules, 1)
        result.longest_turn_s = node.longest_turn_s
        result.database_bytes = node.rules.bytes
        result.resident_bytes = resident() - before
        result.scan_ns = node.scan_ns()
        for number, text in enumerate(made[count:], count + 1):
            rules.append(Rule(number, text))
            result.addition_s.append(round(node.put(rules[-1:], number), 4))
            until = time.perf_counter() + ADDITION_PAUSE_S
            node.turn_until(lambda end=until: time.perf_counter() > end)  # type: ignore[misc]
        result.scan_with_tiers_ns = node.scan_ns()
        for number in range(1, 101):
            begun = time.perf_counter()
            node.rules.remove([number], number)
            result.removal_s.append(time.perf_counter() - begun)
        node.close()
        again = Node(Path(directory), has_helper=False)
        begun = time.perf_counter()
        again.rules.put(rules[100:], 1)
        again.rules.start()
        result.restart_s = time.perf_counter() - begun
        assert not again.rules.pending_count
        again.close()
    return result


def lines(found: dict[str, Any]) -> list[str]:
    """The results as lines of text."""
    additions = sorted(found["addition_s"])
    at_95 = additions[int(len(additions) * 0.95)]
    mib = found["database_bytes"] / (1 << 20)
    at_most = f"{at_95 * 1000:.0f} ms (95 %), {additions[-1] * 1000:.0f} ms at most"
    scan = f"a request of {found['request_bytes']:.0f} bytes scanned in {found['scan_ns']:.0f} ns"
    return [
        f"{found['rules']} rules compiled in {found['compile_s']:.1f} s, {mib:.1f} MiB",
        f"they add {found['resident_bytes'] / (1 << 20):.1f} MiB to the process",
        f"longest turn of the control loop {found['longest_turn_s'] * 1000:.1f} ms",
        f"one more in force in {statistics.median(additions) * 1000:.0f} ms (median), {at_most}",
        f"one out of force in {max(found['removal_s']) * 1e6:.0f} us at most",
        f"loaded from the cache in {found['restart_s']:.2f} s; wanted 2 s",
        f"{scan}, {found['scan_with_tiers_ns']:.0f} ns with small tiers beside it",
    ]


if __name__ == "__main__":
    measured = asdict(measure(int(sys.argv[1]) if len(sys.argv) > 1 else RULES_MAX))
    print("\n".join(lines(measured)))
    print(json.dumps(measured))

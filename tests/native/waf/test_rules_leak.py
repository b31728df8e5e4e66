"""Ten thousand changes leave nothing behind: memory, descriptors, files, slots."""

from __future__ import annotations

import gc
import os
from pathlib import Path

from dataplane.native import abi
from dataplane.waf.document import Rule
from dataplane.waf.enforcing.slots import REST_S, Slots
from tests.native.harness import Harness
from tests.native.waf.rules.node import Node

ROUNDS = 50
BATCH = 100
"""Added, changed twice, and removed in each round: 4 * 50 * 100 = 20,000 changes, 50 compiles."""
GROWTH_BYTES_MAX = 8 << 20


def resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def descriptor_count() -> int:
    """Without those that other tests have left to the collector."""
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir()))


def test_many_changes_leave_nothing_behind(harness: Harness, tmp_path: Path) -> None:
    node = Node(harness, tmp_path)
    node.rules.start()
    before = descriptors = 0
    for turn in range(ROUNDS):
        first = 1 + turn * BATCH
        rules = [Rule(first + one, f"needle{turn}x{one}y") for one in range(BATCH)]
        node.rules.put(rules, turn)
        node.turn_until(lambda: not node.rules.pending_count)
        assert len(node.hits(f"needle{turn}x7y".encode())) == 1
        node.rules.put([Rule(one.number, one.pattern, action="log") for one in rules], turn)
        node.rules.put([Rule(one.number, one.pattern, profiles=("a",)) for one in rules], turn)
        node.rules.remove([one.number for one in rules], turn)
        node.turn_until(lambda: not node.header.rules_databases)
        if turn == ROUNDS // 5:
            before, descriptors = resident(), descriptor_count()
    node.settle()
    assert resident() - before < GROWTH_BYTES_MAX
    assert descriptor_count() == descriptors
    assert [path.name for path in node.cache.directory.iterdir()] == ["manifest.json"]
    assert not any(node.header.rule_number)
    assert node.rules.count == 0
    node.close()


def test_a_slot_is_given_again_when_no_database_names_it_and_it_has_rested() -> None:
    page = abi.LcoreStats()
    header = abi.StatsHeader()
    slots = Slots(header, [page])
    slot = slots.take(1)
    assert slot is not None
    page.rule_hits[slot] = 9
    slots.leave([slot])
    slots.rest(lambda _: True, 0)
    slots.turn(10**9)
    assert slots.free_count == abi.RULES_MAX - 1
    slots.rest(lambda _: False, 0)
    slots.turn(REST_S - 0.1)
    assert slots.free_count == abi.RULES_MAX - 1
    slots.turn(REST_S)
    assert slots.free_count == abi.RULES_MAX
    given = [slots.take(number) for number in range(2, abi.RULES_MAX + 2)]
    assert sorted(filter(None, given))[-1] == abi.RULES_MAX - 1
    assert slots.take(99) is None
    assert page.rule_hits[slot] == 0
    assert header.rule_number[slot] == abi.RULES_MAX + 1

"""Rules from put to in force: what they do, and databases that are swapped in."""

from __future__ import annotations

from dataplane.base.clock import Deadline
from dataplane.native import abi
from dataplane.native.abi import WafClass
from dataplane.waf.document import Rule
from tests.native.waf.rules.node import Node
from tests.support.values.slow_pattern import SLOW


def test_a_rule_that_was_put_is_in_force_soon(node: Node) -> None:
    node.rules.put([Rule(12, "union.*select")], 5)
    assert node.rules.in_force_through(6) == 4
    node.settle()
    assert node.rules.in_force_through(6) == 6
    assert node.hits(b"union select") == [12]


def test_each_target_has_its_database(node: Node) -> None:
    targets = [("path",), ("header:x-a", "cookie"), ("any",)]
    node.rules.put([Rule(one, "evil", targets=two) for one, two in enumerate(targets, 1)], 1)
    node.settle()
    assert node.hits(b"evil", WafClass.PATH) == [1]
    assert node.hits(b"evil", WafClass.HEADER, "X-A") == [2]
    assert node.hits(b"evil", WafClass.HEADER, "x-b") == []
    assert node.hits(b"evil", WafClass.COOKIE) == [2]
    assert node.hits(b"evil") == [3]


def test_what_a_rule_does_changes_without_a_compile(node: Node) -> None:
    node.rules.put([Rule(1, "evil")], 1)
    node.settle()
    for changed in (
        Rule(1, "evil", enabled=False),
        Rule(1, "evil", profiles=("shop",)),
        Rule(1, "evil", deadline=Deadline.after(node.clock, 0)),
    ):
        node.rules.put([changed], 2)
        assert node.rules.in_force_through(2) == 2
        assert node.hits(b"evil") == []
        node.rules.put([Rule(1, "evil")], 3)
        assert node.hits(b"evil") == [1]


def test_a_rule_changes_its_group_without_a_compile(node: Node) -> None:
    node.rules.put([Rule(1, "evil", group="one")], 1)
    node.settle()
    node.harness.policy.profile(0).waf_off[0] = 1 << node.rules.groups.index("one")
    assert node.hits(b"evil") == []
    node.rules.put([Rule(1, "evil", group="two")], 2)
    assert node.rules.in_force_through(2) == 2
    assert node.hits(b"evil") == [1]
    node.rules.put([Rule(1, "evil")], 3)
    assert node.hits(b"evil") == [1]


def test_a_rule_whose_group_finds_no_room_is_refused_and_stays_as_it_was(node: Node) -> None:
    node.rules.put([Rule(1, "evil", group="one")], 1)
    node.settle()
    node.rules.groups.hold([f"g{number}" for number in range(abi.RULE_GROUPS_MAX - 2)])
    node.rules.put([Rule(1, "evil", group="two"), Rule(2, "wicked", group="three")], 2)
    assert [one[:2] for one in node.refused] == [(1, 2), (2, 2)]
    assert "groups" in node.refused[0][2]
    assert node.hits(b"evil wicked") == [1]


def test_a_rule_that_was_removed_is_out_of_force_at_once(node: Node) -> None:
    node.rules.put([Rule(1, "evil"), Rule(2, "evil")], 1)
    node.settle()
    node.rules.remove([1, 99], 2)
    assert node.hits(b"evil") == [2]
    assert node.rules.in_force_through(2) == 2


def test_when_the_last_rule_is_gone_nothing_is_scanned(node: Node) -> None:
    node.rules.put([Rule(1, "evil")], 1)
    node.settle()
    node.rules.remove([1], 2)
    node.turn_until(lambda: not node.header.rules_databases)
    assert node.scanner.classes() == 0
    assert node.scanner.is_ready


def test_a_pattern_that_changes_is_compiled_anew(node: Node) -> None:
    node.rules.put([Rule(1, "evil")], 1)
    node.settle()
    node.rules.put([Rule(1, "wicked")], 2)
    node.settle()
    assert node.hits(b"evil") == []
    assert node.hits(b"wicked") == [1]


def test_a_rule_that_the_engine_refuses_holds_nobody_up(node: Node) -> None:
    node.rules.put([Rule(1, "(evil"), Rule(2, "good")], 3)
    node.settle()
    assert node.rules.in_force_through(3) == 3
    assert node.hits(b"evil good") == [2]
    ((number, revision, text),) = node.refused
    assert (number, revision) == (1, 3)
    assert "parenthesis" in text
    node.rules.put([Rule(1, "(evil")], 4)
    assert [one[:2] for one in node.refused] == [(1, 3), (1, 4)]


def test_a_rule_that_takes_too_long_to_compile_is_found_and_refused(node: Node) -> None:
    node.rules.put([Rule(1, SLOW), Rule(2, "good")], 1)
    node.settle()
    assert [one[0] for one in node.refused] == [1]
    assert "to compile" in node.refused[0][2]
    assert node.hits(b"good") == [2]


def test_many_rules_move_from_tier_to_tier(node: Node) -> None:
    for number in range(1, 80):
        node.rules.put([Rule(number, f"needle{number}x")], number)
        node.turn_until(lambda: not node.rules.pending_count)
    node.settle()
    assert set(node.rules.tiers) == {"warm", "hot"}
    assert all(node.hits(f"needle{number}x".encode()) == [number] for number in range(1, 80))


def test_a_generation_that_lacks_a_rule_removes_it(node: Node) -> None:
    node.rules.put([Rule(1, "evil"), Rule(2, "evil")], 1)
    node.settle()
    node.rules.begin_generation()
    node.rules.put([Rule(2, "evil")], 2)
    node.rules.sweep()
    assert node.hits(b"evil") == [2]
    assert node.rules.in_force_through(2) == 2


def test_hits_of_a_rule_begin_at_zero(node: Node) -> None:
    node.rules.put([Rule(1, "evil")], 1)
    node.settle()
    request = node.scanner.begin()
    node.scanner.scan(request, b"evil")
    node.scanner.end(request)
    slot = request.hit[0]
    assert node.harness.stats.rule_hits[slot] == 1
    assert node.header.rule_number[slot] == 1
    node.rules.remove([1], 2)
    assert node.header.rule_number[slot] == 0


def test_profiles_are_those_of_the_policy(node: Node) -> None:
    node.rules.use_profiles({"shop": 4})
    node.rules.put([Rule(1, "evil", profiles=("shop", "blog"))], 1)
    node.settle()
    hits = node.scanner.hits
    assert [bool(hits(b"evil", profile=one)) for one in (0, 4, 5)] == [False, True, False]
    node.rules.use_profiles({"shop": 6, "blog": 5})
    assert [bool(hits(b"evil", profile=one)) for one in (4, 5, 6)] == [True, True, True]
    node.turn_until(lambda: not hits(b"evil", profile=4))
    assert [bool(hits(b"evil", profile=one)) for one in (5, 6)] == [True, True]

"""Rules of the state log reach the WAF's table of rules, and nothing waits for their compiling."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from dataplane.base.clock import Deadline
from dataplane.native import abi
from dataplane.reconcile import rules
from dataplane.statelog import PutRule, RemoveRule, RuleRow
from dataplane.waf.document import Rule, to_row
from tests.unit.reconcile.support import Node, put


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path / "state")


def row(number: int, pattern: str = "x", deadline: Deadline | None = None) -> RuleRow:
    return to_row(Rule(number, pattern, deadline=deadline))


def patterns(node: Node) -> dict[int, str]:
    return {number: rule.pattern for number, rule in node.rules.rules.items()}


def test_rules_are_put_replaced_and_removed(node: Node) -> None:
    node.begin(rules=[row(1, "a"), row(2, "b")])
    node.append(1, PutRule(row(3, "c")), RemoveRule(1))
    node.append(2, PutRule(row(3, "d")))
    node.settle()
    assert patterns(node) == {2: "b", 3: "d"}
    assert node.rules.put_in[3] == 2
    node.restart()
    assert patterns(node) == {2: "b", 3: "d"}


def test_a_ban_is_in_force_while_a_rule_is_compiled(node: Node) -> None:
    node.begin()
    node.rules.compiled = 0
    node.append(1, PutRule(row(1)))
    node.append(2, put("192.0.2.1"))
    node.settle()
    assert (node.published.applied, node.published.through_rules) == (2, 0)
    node.rules.compiled = 2
    node.reconciler.turn()
    assert node.published.through_rules == 2


def test_a_rule_that_is_over_is_not_put(node: Node) -> None:
    node.begin()
    deadline = Deadline.after(node.clock, 60)
    node.append(1, PutRule(row(1, deadline=deadline)))
    node.settle()
    assert patterns(node) == {1: "x"}
    node.clock.pass_ms(60_000)
    node.append(2, PutRule(row(1, "y", deadline)))
    node.settle()
    assert patterns(node) == {}


def test_a_row_that_is_no_rule_is_rejected_and_what_follows_is_applied(node: Node) -> None:
    node.begin()
    node.append(1, PutRule([7, "x"]), PutRule(row(8)), put("192.0.2.1"))
    node.settle()
    assert (node.blacklist(), patterns(node)) == (["192.0.2.1"], {8: "x"})
    assert node.published.rejections == [(1, 22)]
    assert abi.Degraded.REJECTED in node.published.flags
    node.append(2, RemoveRule(7))
    node.settle()
    assert abi.Degraded.REJECTED not in node.published.flags


def test_a_rule_that_can_not_be_compiled_is_rejected_with_its_reason(node: Node) -> None:
    node.begin()
    node.append(1, PutRule(row(5)))
    node.settle()
    node.reconciler.rule_refused(5, 1, "look-around is not supported")
    assert node.published.rejections == [(1, 22)]
    assert node.published.reasons == ["look-around is not supported"]
    node.append(2, PutRule(row(5, "z")))
    node.settle()
    assert abi.Degraded.REJECTED not in node.published.flags


def test_an_import_of_rules_leaves_those_that_later_lines_touch(node: Node) -> None:
    node.begin()
    with node.writer.import_file("1") as file:
        file.write_rules(row(number) for number in range(1, 200))
    node.append(1, file.change())
    node.append(2, RemoveRule(199), PutRule(row(198, "later")), put("192.0.2.1"))
    node.reconciler.doorbell()
    node.reconciler.turn(budget_ms=0)
    assert node.published.loading_revision == 1
    node.settle()
    assert patterns(node) == {**dict.fromkeys(range(1, 198), "x"), 198: "later"}
    assert node.published.in_force(1)


def test_a_damaged_import_of_rules_brings_none(node: Node) -> None:
    node.begin()
    with node.writer.import_file("1") as file:
        file.write_rules([row(1), row(2)])
    path = node.directory / file.file
    path.write_bytes(path.read_bytes().replace(b'"x"', b'"y"', 1))
    node.append(1, file.change())
    node.settle()
    assert patterns(node) == {}
    assert not node.published.in_force(1)


def test_a_new_generation_keeps_and_sweeps(node: Node) -> None:
    node.begin(rules=[row(1), row(2)])
    node.append(1, PutRule(row(3)))
    node.settle()
    node.writer.snapshot(node.published.database_id, 9, [], None, [row(2, "new"), row(4)])  # type: ignore[arg-type]
    node.settle()
    assert patterns(node) == {2: "new", 4: "x"}


def test_an_import_of_rules_is_never_said_to_be_in_force_before_they_are_compiled(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    node.begin()
    node.rules.compiled = 0
    seen: list[tuple[int, int]] = []
    published = node.published

    def loading(revision: int) -> None:
        seen.append((revision, published.through_rules))

    monkeypatch.setattr(published, "loading", loading)
    put_rules = node.rules.put

    def put_then_compile(rules: Sequence[Rule], revision: int) -> None:
        put_rules(rules, revision)
        node.rules.compiled = 0

    node.rules.compiled = 1  # nothing waits, as long as the import has put nothing
    monkeypatch.setattr(node.rules, "put", put_then_compile)
    with node.writer.import_file("1") as file:
        file.write_rules([row(1)])
    node.append(1, file.change())
    node.reconciler.doorbell()
    node.reconciler.turn(budget_ms=1000)
    assert seen[-1] == (0, 0)


def test_a_refused_rule_degrades_the_node_until_its_end(node: Node) -> None:
    node.begin()
    node.append(1, PutRule(row(5, deadline=Deadline.after(node.clock, 60))))
    node.settle()
    node.reconciler.rule_refused(5, 1, "no")
    node.clock.pass_ms(59_000)
    node.settle()
    assert abi.Degraded.REJECTED in node.published.flags
    node.clock.pass_ms(2_000)
    node.settle()
    assert abi.Degraded.REJECTED not in node.published.flags


def test_ends_of_rules_that_are_over_are_not_kept_for_ever(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "RULES_MAX", 10)
    node.begin()
    for number in range(1, 100):
        node.append(number, PutRule(row(number, deadline=Deadline.after(node.clock, 1))))
        node.clock.pass_ms(500)
        node.settle()
    assert len(node.reconciler._tables.rules._ends) <= 11

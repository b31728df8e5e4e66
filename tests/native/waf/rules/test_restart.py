"""What was in force when a node ended is in force at its next start."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataplane.waf import rules
from dataplane.waf.document import Rule
from tests.native.harness import Harness
from tests.native.waf.dear import DEAR, limit_between
from tests.native.waf.rules.node import Node


def test_rules_are_loaded_from_the_cache_at_the_next_start(
    harness: Harness, tmp_path: Path
) -> None:
    written = [Rule(number, f"needle{number}x") for number in range(1, 60)]
    first = Node(harness, tmp_path)
    first.rules.start()
    first.rules.put(written, 1)
    first.settle()
    first.close()
    second = Node(harness, tmp_path, has_helper=False)
    second.rules.put([*written[1:], Rule(1, "another")], 7)
    second.rules.start()
    assert second.hits(b"needle2x needle59x") == [2, 59]
    assert second.hits(b"needle1x") == []
    assert second.rules.in_force_through(7) == 6
    assert not second.scanner.is_ready
    second.rules.remove([1], 8)
    second.turn_until(lambda: second.scanner.is_ready)
    assert second.rules.in_force_through(8) == 8
    second.close()


@pytest.mark.parametrize("at", [9, 5000, -1], ids=["header", "database", "end"])
def test_a_damaged_database_is_not_loaded(harness: Harness, tmp_path: Path, at: int) -> None:
    first = Node(harness, tmp_path)
    first.rules.start()
    first.rules.put([Rule(1, "evil")], 1)
    first.settle()
    first.close()
    (path,) = first.cache.directory.glob("*.db")
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)
    second = Node(harness, tmp_path)
    second.rules.put([Rule(1, "evil")], 1)
    second.rules.start()
    assert second.rules.pending_count == 1
    assert not second.scanner.is_ready
    second.settle()
    assert second.hits(b"evil") == [1]
    assert second.scanner.is_ready
    second.close()


def test_a_rule_that_the_engine_refused_is_not_in_force_after_a_restart(
    harness: Harness, tmp_path: Path
) -> None:
    written = [Rule(1, "(evil"), Rule(2, "good")]
    first = Node(harness, tmp_path)
    first.rules.start()
    first.rules.put(written, 3)
    first.settle()
    first.close()
    without = Node(harness, tmp_path, has_helper=False)
    without.rules.put(written, 3)
    without.rules.start()
    assert without.hits(b"good") == [2]
    assert (without.rules.pending_count, without.rules.in_force_through(3)) == (1, 2)
    without.close()
    again = Node(harness, tmp_path)
    again.rules.put(written, 3)
    again.rules.start()
    again.settle()
    assert [one[:2] for one in again.refused] == [(1, 3)]
    again.close()


def test_a_rule_that_was_found_to_be_too_dear_is_not_in_force_after_a_restart(
    harness: Harness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = [Rule(1, DEAR), Rule(2, "good")]
    limit_between(monkeypatch)
    first = Node(harness, tmp_path)
    first.rules.start()
    with monkeypatch.context() as patch:
        patch.setattr(rules, "RULE_NS_MAX", -1)  # whatever is built is looked at one by one
        first.rules.put(written, 1)
        first.turn_until(lambda: bool(first.refused))
    first.close()
    assert [one[0] for one in first.refused] == [1]
    second = Node(harness, tmp_path, has_helper=False)
    second.rules.put([*written, Rule(3, "other")], 1)
    second.rules.start()
    assert second.hits(b"aa bb cc dd ee ff zz good") == [2]
    assert second.rules.pending_count == 2
    second.close()

"""The tables become what the state log says."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from dataplane.base.clock import Deadline
from dataplane.base.networks import Network
from dataplane.native import abi
from dataplane.statelog import SetDrain, SetPolicy
from tests.support.clock import DAY_MS
from tests.unit.reconcile.support import DATABASE, Node, put, remove


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path / "state")


def test_at_first_boot_there_is_nothing_and_nothing_is_wrong(node: Node) -> None:
    assert (node.published.applied, node.published.flags) == (0, abi.Degraded(0))
    node.begin(put("192.0.2.1"))
    assert node.blacklist() == ["192.0.2.1"]
    assert node.published.database_id == DATABASE


def test_a_line_is_in_force_after_a_turn_with_a_doorbell(node: Node) -> None:
    node.begin()
    node.append(1, put("192.0.2.1"), put("10.0.0.0/8"))
    node.reconciler.doorbell()
    node.reconciler.turn()
    assert node.blacklist() == ["10.0.0.0/8", "192.0.2.1"]
    assert node.published.in_force(1)


def test_without_a_doorbell_it_is_found_before_long(node: Node) -> None:
    node.begin()
    node.append(1, put("192.0.2.1"))
    node.clock.pass_ms(50)
    node.reconciler.turn()
    assert node.published.in_force(1)


def test_it_is_busy_exactly_as_long_as_there_is_work(node: Node) -> None:
    node.begin()
    node.reconciler.turn()
    assert not node.reconciler.is_busy
    node.reconciler.doorbell()
    assert node.reconciler.is_busy

    node.append(1, put("10.0.0.0/8"))
    node.tables.busy_commits = 1  # workers still read what was built before
    node.reconciler.turn()
    assert node.reconciler.is_busy
    node.reconciler.turn()
    assert not node.reconciler.is_busy

    for revision in range(2, 5):
        node.append(revision, put(f"192.0.2.{revision}"))
    node.reconciler.doorbell()
    node.reconciler.turn(budget_ms=0)
    assert node.reconciler.is_busy
    node.settle()
    node.reconciler.turn()
    assert not node.reconciler.is_busy


def test_prefixes_of_many_lines_are_committed_once_a_turn(node: Node) -> None:
    node.begin()
    before = node.tables.commits
    for revision in range(1, 20):
        node.append(revision, put(f"10.{revision}.0.0/16"))
    node.reconciler.doorbell()
    node.reconciler.turn(budget_ms=1000)
    assert node.tables.commits == before + 1
    assert node.published.applied == 19


def test_a_prefix_is_not_said_to_be_in_force_before_its_commit(node: Node) -> None:
    node.begin()
    node.tables.busy_commits = 3
    node.append(1, put("192.0.2.1"))
    node.append(2, put("10.0.0.0/8"))
    for _ in range(3):
        node.reconciler.doorbell()
        node.reconciler.turn()
        assert node.published.applied == 1
    node.settle()
    assert node.published.applied == 2


def test_a_drain_is_followed_and_known_after_a_restart(node: Node) -> None:
    node.begin()
    node.append(1, SetDrain(on=True))
    node.settle()
    assert node.published.drains
    node.restart()
    assert node.published.drains
    node.append(2, SetDrain(on=False))
    node.settle()
    assert not node.published.drains


def test_after_a_restart_everything_is_there_before_start_returns(node: Node) -> None:
    node.begin(put("192.0.2.1"), put("192.0.2.2"))
    node.append(1, remove("192.0.2.1"), SetPolicy({"name": "p"}))
    with node.writer.import_file("2") as file:
        file.write([put(f"198.51.100.{i}") for i in range(9)] + [put("10.0.0.0/8")])
    node.append(2, file.change([("blacklist", Network.parse("198.51.100.0"))]))
    node.append(3, remove("198.51.100.1"))
    node.restart()
    assert node.blacklist() == sorted(
        ["10.0.0.0/8", "192.0.2.2", *(f"198.51.100.{i}" for i in range(2, 9))]
    )
    assert node.profiles.document == {"name": "p"}
    assert node.published.in_force(2)
    assert node.published.in_force(3)


@pytest.mark.parametrize("step_ms", [-DAY_MS, 0, DAY_MS])
def test_a_clock_step_does_not_change_when_a_ban_ends(node: Node, step_ms: int) -> None:
    deadline = Deadline.after(node.clock, 3600)
    node.begin()
    node.clock.step_ms(step_ms)
    node.append(1, put("192.0.2.1", deadline))
    node.settle()
    node.restart()
    assert list(node.tables.in_force.values()) == [deadline.boot_ms // 100]


def test_after_a_reboot_utc_says_what_is_left(node: Node) -> None:
    node.begin(put("192.0.2.1", Deadline.after(node.clock, 3600)))
    node.append(1, put("192.0.2.2", Deadline.after(node.clock, 60)))
    node.clock.reboot(off_ms=600_000, up_ms=5_000)
    node.restart()
    assert node.blacklist() == ["192.0.2.1"]
    assert list(node.tables.in_force.values()) == [(5_000 + 3_600_000 - 605_000) // 100]


def test_after_a_reboot_a_clock_set_back_does_not_prolong_a_ban(node: Node) -> None:
    node.begin(put("192.0.2.1", Deadline.after(node.clock, 3600)))
    node.clock.reboot()
    node.clock.step_ms(-DAY_MS)
    node.restart()
    assert list(node.tables.in_force.values()) == [36_000]


def test_an_expired_put_does_not_leave_what_it_replaced(node: Node) -> None:
    node.begin(put("192.0.2.1"))
    node.append(1, put("192.0.2.1", Deadline.after(node.clock, 1)))
    node.clock.pass_ms(2000)
    node.restart()
    assert node.blacklist() == []


def test_a_deadline_beyond_the_tables_range_is_not_taken_for_no_end(node: Node) -> None:
    node.begin(put("192.0.2.1", Deadline.after(node.clock, 315_360_000)))
    assert list(node.tables.in_force.values()) == [abi.DEADLINE_NEVER - 1]


def test_what_does_not_fit_is_rejected_and_holds_up_nobody(node: Node) -> None:
    node.begin()
    node.tables.entries_max = 1
    node.append(1, put("192.0.2.1"))
    node.append(2, put("192.0.2.2"))
    node.append(3, SetPolicy({"name": "p"}))
    node.settle()
    assert node.published.rejections == [(2, errno.ENOSPC)]
    assert node.published.applied == 3
    assert node.published.flags == abi.Degraded.REJECTED
    node.append(4, remove("192.0.2.2"))
    node.settle()
    assert node.published.flags == abi.Degraded(0)


def test_a_policy_that_does_not_compile_is_rejected_and_the_old_one_stays(node: Node) -> None:
    node.begin()
    node.append(1, SetPolicy({"name": "good"}))
    node.append(2, SetPolicy({"name": "bad"}))
    node.append(3, put("192.0.2.1"))
    node.settle()
    assert node.profiles.document == {"name": "good"}
    assert node.published.rejections == [(2, errno.EINVAL)]
    assert node.published.applied == 3


def test_a_policy_that_comes_while_it_runs_is_noticed_once_it_is_in_force(node: Node) -> None:
    node.begin()
    node.append(1, SetPolicy({"name": "bad"}))
    node.append(2, SetPolicy({"name": "good"}))
    node.settle()
    assert node.published.notices.count(abi.NoticeKind.POLICY_APPLIED) == 1


def test_a_good_policy_ends_the_rejection_of_a_bad_one(node: Node) -> None:
    node.begin()
    node.append(1, SetPolicy({"name": "bad"}))
    node.settle()
    assert node.published.flags == abi.Degraded.REJECTED
    node.append(2, SetPolicy({"name": "good"}))
    node.settle()
    assert node.published.flags == abi.Degraded(0)


def test_a_rejected_entry_that_would_be_over_degrades_nothing_any_more(node: Node) -> None:
    node.begin()
    node.tables.entries_max = 0
    node.append(1, put("192.0.2.1", Deadline.after(node.clock, 60)))
    node.settle()
    assert node.published.flags == abi.Degraded.REJECTED
    node.clock.pass_ms(59_000)
    node.settle()
    assert node.published.flags == abi.Degraded.REJECTED
    node.clock.pass_ms(2_000)
    node.settle()
    assert node.published.flags == abi.Degraded(0)

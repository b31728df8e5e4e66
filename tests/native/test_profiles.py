"""Profiles: built beside, swapped, and freed when every worker has gone on."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from typing import Any, cast

import pytest

from dataplane import abi, library
from dataplane.errors import InvalidInputError, NativeError
from dataplane.policy_table import PolicyTable
from dataplane.profile_names import ProfileNames
from dataplane.profiles import Profiles
from dataplane.workers import Workers
from tests.native.harness import page_aligned


class Lcores:
    """What is asked of `dataplane.workers.Workers`."""

    def __init__(self) -> None:
        self.node = abi.Node()
        self.counters: tuple[int, ...] = (5, 5)
        self.lcore_count = 2

    def quiescent(self) -> tuple[int, ...]:
        return self.counters

    def mode(self, reason: abi.Reason) -> int:
        # sb_policy begins with the address of its profiles.
        profiles = ctypes.c_uint64.from_address(self.node.policy).value
        return int(abi.Profile.from_address(profiles).mode[reason])


class Stats:
    """The pages that clients read."""

    def __init__(self) -> None:
        self.header = abi.StatsHeader()
        self.pages = [page_aligned(abi.LcoreStats) for _ in range(2)]

    def names(self) -> dict[int, str]:
        found = {
            index: bytes(label.name).rstrip(b"\0").decode()
            for index, label in enumerate(self.header.profile_label)
        }
        return {index: name for index, name in found.items() if name}


@pytest.fixture
def lcores() -> Lcores:
    return Lcores()


@pytest.fixture
def stats() -> Stats:
    return Stats()


@pytest.fixture
def profiles(lcores: Lcores, stats: Stats) -> Iterator[Profiles]:
    names = ProfileNames(stats.header, stats.pages)
    opened = Profiles(library.load(), cast(Workers, lcores), names)
    yield opened
    opened.close()


MONITOR = {"name": "look", "rules": [{"type": "blacklist", "action": "monitor"}]}


def test_the_defaults_are_in_force_from_the_start(profiles: Profiles, lcores: Lcores) -> None:
    assert lcores.mode(abi.Reason.BLACKLIST) == abi.Mode.ENFORCE


def test_a_document_changes_what_it_names_and_none_brings_the_defaults_back(
    profiles: Profiles, lcores: Lcores
) -> None:
    profiles.apply(MONITOR)
    assert lcores.mode(abi.Reason.BLACKLIST) == abi.Mode.MONITOR
    assert lcores.mode(abi.Reason.LAND) == abi.Mode.ENFORCE

    profiles.apply(None)
    assert lcores.mode(abi.Reason.BLACKLIST) == abi.Mode.ENFORCE


def test_what_is_no_policy_changes_nothing(profiles: Profiles, lcores: Lcores) -> None:
    before = lcores.node.policy

    with pytest.raises(InvalidInputError):
        profiles.apply({"name": "x", "rules": [{"type": "nonsense", "action": "off"}]})

    assert lcores.node.policy == before


def test_the_old_ones_stay_until_every_lcore_has_gone_on(
    profiles: Profiles, lcores: Lcores
) -> None:
    profiles.apply(MONITOR)

    lcores.counters = (6, 5)
    profiles.reclaim()
    assert profiles.retired_count == 1

    lcores.counters = (6, 6)
    profiles.reclaim()
    assert profiles.retired_count == 0


def web(*names: str) -> dict[str, Any]:
    """A policy with these profiles."""
    rule = {"type": "blacklist", "action": "monitor"}
    return {
        "name": "some",
        "profiles": [
            {"name": name, "targets": [f"198.{number >> 8}.{number & 255}.0/24"], "rules": [rule]}
            for number, name in enumerate(names)
        ],
    }


def test_a_name_keeps_its_index_from_policy_to_policy(
    profiles: Profiles, lcores: Lcores, stats: Stats
) -> None:
    profiles.apply(web("a", "b", "c"))
    assert stats.names() == {0: "default", 1: "a", 2: "b", 3: "c"}
    profiles.apply(web("c", "x"))
    assert stats.names()[3] == "c"
    lcores.counters = (6, 6)
    profiles.reclaim()
    assert stats.names() == {0: "default", 3: "c", 4: "x"}


def test_what_a_profile_has_counted_that_is_no_more_is_kept_as_that_of_the_removed(
    profiles: Profiles, lcores: Lcores, stats: Stats
) -> None:
    profiles.apply(web("a"))
    cell = (abi.Reason.BLACKLIST, abi.Mode.MONITOR)
    for page in stats.pages:
        page.profile[1].count[cell[0]][cell[1]] = 7
    profiles.apply(None)
    assert stats.header.profile_removed.count[cell[0]][cell[1]] == 0, "a worker may still count"
    lcores.counters = (6, 6)
    profiles.reclaim()
    assert stats.header.profile_removed.count[cell[0]][cell[1]] == 14
    assert stats.pages[0].profile[1].count[cell[0]][cell[1]] == 0
    assert stats.header.profile_version % 2 == 0


def test_a_name_that_comes_back_before_it_was_let_go_of_has_its_index(
    profiles: Profiles, stats: Stats
) -> None:
    profiles.apply(web("a"))
    profiles.apply(web("b"))
    profiles.apply(web("a"))
    assert stats.names() == {0: "default", 1: "a", 2: "b"}


def test_a_policy_waits_for_workers_and_says_so_when_they_do_not_let_go(
    profiles: Profiles, lcores: Lcores
) -> None:
    profiles.apply(web(*(f"a{i}" for i in range(1000))))
    profiles.apply(web(*(f"b{i}" for i in range(1000))))
    before = lcores.node.policy
    with pytest.raises(NativeError, match="does not let go"):
        profiles.apply(web(*(f"c{i}" for i in range(1000))))
    assert lcores.node.policy == before
    lcores.counters = (6, 6)
    profiles.apply(web(*(f"c{i}" for i in range(1000))))
    assert lcores.node.policy != before


def test_a_policy_that_can_not_be_built_changes_no_name(
    profiles: Profiles, lcores: Lcores, stats: Stats, monkeypatch: pytest.MonkeyPatch
) -> None:
    profiles.apply(web("a"))
    before = lcores.node.policy

    def fails(_table: PolicyTable, _key: bytes) -> None:
        raise NativeError("no memory", 12)

    with monkeypatch.context() as patched:
        patched.setattr(PolicyTable, "build", fails)
        with pytest.raises(NativeError, match="no memory"):
            profiles.apply(web("b"))
    lcores.counters = (6, 6)
    profiles.reclaim()
    assert (lcores.node.policy, stats.names()) == (before, {0: "default", 1: "a"})

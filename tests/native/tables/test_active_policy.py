"""Profiles: built beside, swapped, and freed when every worker has gone on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from dataplane.base.errors import InvalidInputError, NativeError
from dataplane.native import abi, library
from dataplane.reconcile.active_policy import RETIRED_MAX, ActivePolicy
from dataplane.shared.profile_names import ProfileNames
from dataplane.tables.policy_table import PolicyTable
from dataplane.waf.no_rules import NoRules
from tests.native.harness import page_aligned
from tests.native.tables.policy_support import Lcores


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
def profiles(lcores: Lcores, stats: Stats) -> Iterator[ActivePolicy]:
    names = ProfileNames(stats.header, stats.pages)
    opened = ActivePolicy(library.load(), lcores.node, names, NoRules(stats.header))
    yield opened
    opened.close()


MONITOR = {"name": "look", "rules": [{"type": "blacklist", "action": "monitor"}]}


def test_the_defaults_are_in_force_from_the_start(profiles: ActivePolicy, lcores: Lcores) -> None:
    assert lcores.mode(abi.Reason.BLACKLIST) == abi.Mode.ENFORCE


def test_a_document_changes_what_it_names_and_none_brings_the_defaults_back(
    profiles: ActivePolicy, lcores: Lcores
) -> None:
    profiles.apply(MONITOR)
    assert lcores.mode(abi.Reason.BLACKLIST) == abi.Mode.MONITOR
    assert lcores.mode(abi.Reason.LAND) == abi.Mode.ENFORCE

    profiles.apply(None)
    assert lcores.mode(abi.Reason.BLACKLIST) == abi.Mode.ENFORCE


def test_what_is_no_policy_changes_nothing(profiles: ActivePolicy, lcores: Lcores) -> None:
    before = lcores.node.policy

    with pytest.raises(InvalidInputError):
        profiles.apply({"name": "x", "rules": [{"type": "nonsense", "action": "off"}]})

    assert lcores.node.policy == before


def test_the_old_ones_stay_until_every_lcore_has_gone_on(
    profiles: ActivePolicy, lcores: Lcores
) -> None:
    profiles.apply(MONITOR)

    lcores.go_on(0)
    profiles.reclaim()
    assert profiles.retired_count == 1

    lcores.go_on(1)
    profiles.reclaim()
    assert profiles.retired_count == 0


def test_with_several_old_ones_about_a_new_one_is_refused_and_nothing_is_freed(
    profiles: ActivePolicy, lcores: Lcores
) -> None:
    for _ in range(RETIRED_MAX):
        profiles.apply(MONITOR)
    before = lcores.node.policy
    with pytest.raises(NativeError, match="does not let go"):
        profiles.apply(None)
    assert lcores.node.policy == before
    assert profiles.retired_count == RETIRED_MAX
    assert lcores.mode(abi.Reason.BLACKLIST) == abi.Mode.MONITOR
    lcores.go_on(0, 1)
    profiles.apply(None)
    assert lcores.node.policy != before
    assert profiles.retired_count == 1


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
    profiles: ActivePolicy, lcores: Lcores, stats: Stats
) -> None:
    profiles.apply(web("a", "b", "c"))
    assert stats.names() == {0: "default", 1: "a", 2: "b", 3: "c"}
    profiles.apply(web("c", "x"))
    assert stats.names()[3] == "c"
    lcores.go_on(0, 1)
    profiles.reclaim()
    assert stats.names() == {0: "default", 3: "c", 4: "x"}


def test_what_a_profile_has_counted_that_is_no_more_is_kept_as_that_of_the_removed(
    profiles: ActivePolicy, lcores: Lcores, stats: Stats
) -> None:
    profiles.apply(web("a"))
    cell = (abi.Reason.BLACKLIST, abi.Mode.MONITOR)
    for page in stats.pages:
        page.profile[1].count[cell[0]][cell[1]] = 7
    profiles.apply(None)
    assert stats.header.profile_removed.count[cell[0]][cell[1]] == 0, "a worker may still count"
    lcores.go_on(0, 1)
    profiles.reclaim()
    assert stats.header.profile_removed.count[cell[0]][cell[1]] == 14
    assert stats.pages[0].profile[1].count[cell[0]][cell[1]] == 0
    assert stats.header.profile_version % 2 == 0


def test_a_name_that_comes_back_before_it_was_let_go_of_has_its_index(
    profiles: ActivePolicy, stats: Stats
) -> None:
    profiles.apply(web("a"))
    profiles.apply(web("b"))
    profiles.apply(web("a"))
    assert stats.names() == {0: "default", 1: "a", 2: "b"}


def test_a_policy_waits_for_workers_and_says_so_when_they_do_not_let_go(
    profiles: ActivePolicy, lcores: Lcores
) -> None:
    profiles.apply(web(*(f"a{i}" for i in range(1000))))
    profiles.apply(web(*(f"b{i}" for i in range(1000))))
    before = lcores.node.policy
    with pytest.raises(NativeError, match="does not let go"):
        profiles.apply(web(*(f"c{i}" for i in range(1000))))
    assert lcores.node.policy == before
    lcores.go_on(0, 1)
    profiles.apply(web(*(f"c{i}" for i in range(1000))))
    assert lcores.node.policy != before


def test_a_policy_that_can_not_be_built_changes_no_name(
    profiles: ActivePolicy, lcores: Lcores, stats: Stats, monkeypatch: pytest.MonkeyPatch
) -> None:
    profiles.apply(web("a"))
    before = lcores.node.policy

    def fails(_table: PolicyTable, _key: bytes) -> None:
        raise NativeError("no memory", 12)

    with monkeypatch.context() as patched:
        patched.setattr(PolicyTable, "build", fails)
        with pytest.raises(NativeError, match="no memory"):
            profiles.apply(web("b"))
    lcores.go_on(0, 1)
    profiles.reclaim()
    assert (lcores.node.policy, stats.names()) == (before, {0: "default", 1: "a"})


def test_overlays_are_laid_over_a_policy_and_over_the_defaults(
    profiles: ActivePolicy, lcores: Lcores
) -> None:
    for document in (None, {"name": "p"}):
        profiles.apply(document, [{"kind": "panic"}])
        assert lcores.mode(abi.Reason.BLACKLIST) == abi.Mode.MONITOR
        lcores.go_on()
        profiles.apply(document)
        assert lcores.mode(abi.Reason.BLACKLIST) == abi.Mode.ENFORCE
        lcores.go_on()


def test_an_overlay_that_is_none_changes_nothing(profiles: ActivePolicy, lcores: Lcores) -> None:
    profiles.apply(MONITOR)
    with pytest.raises(InvalidInputError):
        profiles.apply({"name": "p"}, [{"kind": "reboot"}])
    assert lcores.mode(abi.Reason.BLACKLIST) == abi.Mode.MONITOR


def test_a_limit_that_is_laid_fits_beside_all_others(profiles: ActivePolicy) -> None:
    scopes, units = ("source", "prefix", "destination", "global"), ("packets", "bits")
    rules = [
        {"type": "rate_limit", "per": per, "unit": unit, "value": 100_000}
        for per in scopes
        for unit in (*units, "connections")
    ]
    policy = {"name": "p", "rules": [*rules, {"type": "icmp_limit", "value": 5}]}
    overlays = [
        {"kind": "limit", "profile": "default", "unit": unit, "value": 9}
        for unit in ("packets", "connections")
    ]
    profiles.apply(policy, overlays)

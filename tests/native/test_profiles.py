"""Profiles: built beside, swapped, and freed when every worker has gone on."""

from __future__ import annotations

import ctypes
from typing import cast

import pytest

from dataplane import abi, library
from dataplane.errors import InvalidInputError
from dataplane.profiles import Profiles
from dataplane.workers import Workers


class Lcores:
    """What is asked of `dataplane.workers.Workers`."""

    def __init__(self) -> None:
        self.node = abi.Node()
        self.counters: tuple[int, ...] = (5, 5)

    def quiescent(self) -> tuple[int, ...]:
        return self.counters

    def mode(self, reason: abi.Reason) -> int:
        # sb_policy begins with the address of its profiles.
        profiles = ctypes.c_uint64.from_address(self.node.policy).value
        return int(abi.Profile.from_address(profiles).mode[reason])


@pytest.fixture
def lcores() -> Lcores:
    return Lcores()


@pytest.fixture
def profiles(lcores: Lcores) -> Profiles:
    return Profiles(library.load(), cast(Workers, lcores))


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

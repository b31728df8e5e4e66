"""Names of groups and their indices: kept while they are used, and for a while after."""

from __future__ import annotations

import ctypes
import mmap

import pytest

from dataplane.base.errors import InvalidInputError
from dataplane.native import abi
from dataplane.waf.enforcing import groups
from dataplane.waf.enforcing.groups import NONE, GroupNames

ROOM = abi.RULE_GROUPS_MAX - 1


class Names:
    """Names on pages, and a clock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = 1000.0
        monkeypatch.setattr(groups.time, "monotonic", lambda: self.now_s)
        self.header = abi.StatsHeader()
        self.memory = mmap.mmap(-1, ctypes.sizeof(abi.LcoreStats))
        self.page = abi.LcoreStats.from_buffer(self.memory)
        self.names = GroupNames(self.header, [self.page])

    def labels(self) -> dict[int, str]:
        labels = (bytes(one.name).rstrip(b"\0").decode() for one in self.header.rule_group_label)
        return {index: name for index, name in enumerate(labels) if name}


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Names:
    return Names(monkeypatch)


def test_a_name_has_one_index_however_often_it_is_held(made: Names) -> None:
    made.names.hold(["xss", "scanners"])
    made.names.hold(["xss"])
    assert made.labels() == {made.names.index("xss"): "xss", 2: "scanners"}
    assert made.names.index(None) == NONE
    made.names.release(["xss"])
    assert made.names.index("xss") == 1


def test_a_name_that_comes_again_soon_has_its_index_again(made: Names) -> None:
    made.names.hold(["xss"])
    made.page.rule_group[1][2] = 7
    made.names.release(["xss"])
    made.names.hold(["scanners"])
    made.names.hold(["xss"])
    assert (made.names.index("xss"), made.names.index("scanners")) == (1, 2)
    assert made.page.rule_group[1][2] == 7


def test_with_no_room_left_nothing_is_held(made: Names) -> None:
    made.names.hold([f"g{number}" for number in range(ROOM - 1)])
    with pytest.raises(InvalidInputError, match=f"group 'a'.*the limit is {ROOM}"):
        made.names.hold(["a", "b"])
    made.names.hold(["c"])
    assert len(made.labels()) == ROOM


def test_an_index_is_given_again_once_it_has_rested_and_counts_from_zero(made: Names) -> None:
    made.names.hold([f"g{number}" for number in range(ROOM)])
    made.page.rule_group[1][0] = 7
    made.names.release(["g0"])
    made.now_s += groups.REST_S - 1
    with pytest.raises(InvalidInputError):
        made.names.hold(["new"])
    made.now_s += 1
    made.names.hold(["new"])
    assert made.names.index("new") == 1
    assert made.page.rule_group[1][0] == 0
    assert made.labels()[1] == "new"


def test_a_name_that_is_held_again_rests_no_more(made: Names) -> None:
    made.names.hold([f"g{number}" for number in range(ROOM)])
    made.names.release(["g0"])
    made.names.hold(["g0"])
    made.now_s += groups.REST_S
    with pytest.raises(InvalidInputError):
        made.names.hold(["new"])
    assert made.names.index("g0") == 1


def test_readers_see_that_names_change(made: Names) -> None:
    before = made.header.profile_version
    made.names.hold(["xss"])
    assert made.header.profile_version == before + 2

"""GRO and LRO of a kernel interface: read and switched off as ethtool does it."""

from __future__ import annotations

import errno
import struct

import pytest

from dataplane.base import offloads
from dataplane.base.offloads import coalescing, remedy, stop_coalescing

NAMES = [f"feature-{index}" for index in range(40)]
NAMES[3], NAMES[35], NAMES[38] = "rx-gro", "rx-lro", "rx-gro-hw"


class FakeEthtool:
    """An interface with 40 features, of which some are active and some can't be changed."""

    def __init__(self, active: set[str], fixed: set[str] | None = None) -> None:
        self.active = {NAMES.index(name) for name in active}
        self.fixed = {NAMES.index(name) for name in fixed or ()}
        self.may_change = True

    def __call__(self, interface: str, command: bytearray) -> None:
        assert interface == "e0"
        (code,) = struct.unpack_from("I", command)
        if code == offloads.GSSET_INFO:
            struct.pack_into("I", command, 16, len(NAMES))
        elif code == offloads.GSTRINGS:
            assert struct.unpack_from("3I", command)[1:] == (offloads.SS_FEATURES, len(NAMES))
            for index, name in enumerate(NAMES):
                struct.pack_into("32s", command, 12 + 32 * index, name.encode())
        elif code == offloads.GFEATURES:
            assert struct.unpack_from("2I", command)[1] == 2
            for index in self.active:
                at = 8 + 16 * (index // 32) + 8
                (word,) = struct.unpack_from("I", command, at)
                struct.pack_into("I", command, at, word | 1 << index % 32)
        else:
            assert code == offloads.SFEATURES
            self._change(command)

    def _change(self, command: bytearray) -> None:
        if not self.may_change:
            raise PermissionError(errno.EPERM, "Operation not permitted")
        for index in range(len(NAMES)):
            valid, requested = struct.unpack_from("2I", command, 8 + 8 * (index // 32))
            if valid >> index % 32 & 1 and index not in self.fixed:
                assert not requested
                self.active.discard(index)


def test_what_is_on_is_named_and_switched_off_and_nothing_else() -> None:
    kernel = FakeEthtool({"rx-gro", "rx-lro", "feature-0", "feature-39"})
    assert coalescing("e0", kernel) == ("rx-gro", "rx-lro")
    assert stop_coalescing("e0", kernel) == ()
    assert coalescing("e0", kernel) == ()
    assert kernel.active == {0, 39}


def test_what_a_driver_does_not_let_go_is_told() -> None:
    kernel = FakeEthtool({"rx-gro", "rx-gro-hw"}, fixed={"rx-gro-hw"})
    assert stop_coalescing("e0", kernel) == ("rx-gro-hw",)


def test_without_the_right_to_it_stays_on_and_the_command_is_named() -> None:
    kernel = FakeEthtool({"rx-gro", "rx-lro"})
    kernel.may_change = False
    on = stop_coalescing("e0", kernel)
    assert on == ("rx-gro", "rx-lro")
    assert remedy("e0", on) == "ethtool -K e0 gro off lro off"


@pytest.mark.parametrize("interface", ["sb-none0", "x" * 40])
def test_of_an_interface_that_is_not_there_nothing_is_on(interface: str) -> None:
    assert coalescing(interface) == ()
    assert stop_coalescing(interface) == ()


def test_the_kernel_understands_the_question() -> None:
    assert set(coalescing("lo")) <= set(offloads.COALESCING)
    assert "rx-gro" in offloads._names("lo", offloads.ask_kernel).values()

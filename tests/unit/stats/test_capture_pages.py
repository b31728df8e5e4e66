"""Captured packets, read from statistics pages that are written here."""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Iterator

import pytest

from dataplane.base.networks import Network
from dataplane.native import abi
from dataplane.shared.pages.statsview import StatsView
from tests.support.clock import FakeClock


class Pages:
    """Statistics of two lcores."""

    def __init__(self) -> None:
        memory = mmap.mmap(-1, ctypes.sizeof(abi.Stats))
        self.stats = abi.Stats.from_buffer(memory)
        self.stats.header.magic = abi.STATS_MAGIC
        self.stats.header.abi_hash[:] = list(bytes.fromhex(abi.ABI_HASH))
        self.stats.header.lcore_count = 2
        self.view = StatsView(memory, FakeClock())

    def capture(self, lcore: int, data: bytes, version: int = 4) -> abi.Capture:
        """Write a packet as a worker does."""
        page = self.stats.lcore[lcore]
        page.capture_count += 1
        element = page.capture[(page.capture_count - 1) % abi.CAPTURES_MAX]
        element.boot_ns, element.length, element.captured = 7, 1500, len(data)
        element.reason, element.mode = abi.Reason.BLACKLIST, abi.Mode.ENFORCE
        element.port, element.protected_version = abi.Port.OUTSIDE, version
        element.protected_address[:] = list(Network.parse("203.0.113.10").key)
        element.bytes[: len(data)] = list(data)
        element.sequence = page.capture_count
        return element


@pytest.fixture
def pages() -> Iterator[Pages]:
    found = Pages()
    yield found
    found.view.close()


def test_what_is_new_on_each_lcore_is_read_once(pages: Pages) -> None:
    pages.capture(0, b"one")
    pages.capture(1, b"two")
    found, seen = pages.view.captures({}, 10)
    assert [each.data for each in found] == [b"one", b"two"]
    first = found[0]
    assert (first.reason, first.mode, first.port) == ("blacklist", "enforce", "outside")
    assert (first.boot_ns, first.length, first.profile) == (7, 1500, 0)
    assert first.protected == Network.parse("203.0.113.10")
    pages.capture(1, b"three", version=0)
    (third,), seen = pages.view.captures(seen, 10)
    assert (third.data, third.protected) == (b"three", None)
    assert pages.view.captures(seen, 10) == ([], seen)


def test_of_more_than_the_limit_the_newest_are_read(pages: Pages) -> None:
    for number in range(abi.CAPTURES_MAX + 5):
        pages.capture(0, b"%d" % number)
    found, seen = pages.view.captures({}, 3)
    assert [each.data for each in found] == [b"%d" % (abi.CAPTURES_MAX + 2 + n) for n in range(3)]
    assert seen[0] == abi.CAPTURES_MAX + 5
    everything, _ = pages.view.captures({}, 10 * abi.CAPTURES_MAX)
    assert len(everything) == abi.CAPTURES_MAX


def test_what_is_being_written_or_makes_no_sense_is_left_out(pages: Pages) -> None:
    pages.capture(0, b"one").sequence = 9
    pages.capture(0, b"two").reason = 255
    long = pages.capture(0, b"three")
    long.captured = 65_535
    (found,), _ = pages.view.captures({}, 10)
    assert len(found.data) == abi.CAPTURE_BYTES

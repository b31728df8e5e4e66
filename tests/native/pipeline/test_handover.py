"""The hand-over ring between two lcores, driven from here: order, capacity, closing."""

from __future__ import annotations

import ctypes

import pytest

from dataplane.native import abi, library

SLOTS = abi.HANDOVER_SLOTS


class Ring:
    """Both ends of one ring."""

    def __init__(self, slots: int = SLOTS) -> None:
        self._library = library.load()
        self._declare()
        size = self._library.sb_handover_size()
        self._memory = ctypes.create_string_buffer(size + abi.CACHE_LINE)
        start = ctypes.addressof(self._memory)
        self.address = -(-start // abi.CACHE_LINE) * abi.CACHE_LINE
        self._library.sb_handover_init(self.address, slots)

    def push(self, mbuf: int) -> bool:
        return bool(self._library.sb_handover_push(self.address, abi.Packet(mbuf=mbuf)))

    def pop(self, count_max: int = abi.BURST_MAX) -> list[int]:
        packets = (abi.Packet * count_max)()
        count = self._library.sb_handover_pop(self.address, packets, count_max)
        return [packet.mbuf for packet in packets[:count]]

    def close(self) -> None:
        self._library.sb_handover_close(self.address)

    def finished(self) -> bool:
        return bool(self._library.sb_handover_finished(self.address))

    def _declare(self) -> None:
        functions = self._library
        functions.sb_handover_init.argtypes = [ctypes.c_void_p, ctypes.c_uint32]
        functions.sb_handover_init.restype = None
        functions.sb_handover_size.argtypes = []
        functions.sb_handover_size.restype = ctypes.c_uint64
        functions.sb_handover_push.argtypes = [ctypes.c_void_p, ctypes.POINTER(abi.Packet)]
        functions.sb_handover_push.restype = ctypes.c_bool
        functions.sb_handover_pop.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint32]
        functions.sb_handover_pop.restype = ctypes.c_uint32
        functions.sb_handover_close.argtypes = [ctypes.c_void_p]
        functions.sb_handover_close.restype = None
        functions.sb_handover_finished.argtypes = [ctypes.c_void_p]
        functions.sb_handover_finished.restype = ctypes.c_bool


@pytest.fixture
def ring() -> Ring:
    return Ring()


def test_packets_come_out_in_order_across_the_wrap(ring: Ring) -> None:
    popped: list[int] = []
    for mbuf in range(3 * SLOTS):
        assert ring.push(mbuf)
        if mbuf % 7 == 0:
            popped += ring.pop()
    while more := ring.pop():
        popped += more

    assert popped == list(range(3 * SLOTS))


def test_a_full_ring_takes_nothing_and_loses_nothing(ring: Ring) -> None:
    assert all(ring.push(mbuf) for mbuf in range(SLOTS))

    assert not ring.push(SLOTS)
    assert ring.pop(1) == [0]
    assert ring.push(SLOTS)
    assert not ring.push(SLOTS + 1)


def test_a_pop_takes_at_most_what_was_asked_for(ring: Ring) -> None:
    for mbuf in range(10):
        ring.push(mbuf)

    assert ring.pop(4) == [0, 1, 2, 3]
    assert ring.pop(32) == [4, 5, 6, 7, 8, 9]
    assert ring.pop(32) == []


def test_it_is_finished_when_it_is_closed_and_empty(ring: Ring) -> None:
    ring.push(1)
    assert not ring.finished()
    ring.close()
    assert not ring.finished()
    ring.pop()

    assert ring.finished()


def test_a_ring_takes_no_more_than_it_was_made_for() -> None:
    ring, slots = Ring(slots=64), 64
    for start in range(0, 40 * slots, slots):
        assert [ring.push(start + i) for i in range(slots + 1)] == [True] * slots + [False]
        assert ring.pop(slots) == list(range(start, start + slots))

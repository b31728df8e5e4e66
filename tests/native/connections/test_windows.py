"""Segments must lie in the window: sequence numbers, acknowledgments, scaling, fragments."""

from __future__ import annotations

import struct

import pytest

from dataplane.native.abi import Reason
from tests.native.connections.connections_support import (
    ACK,
    INSIDE,
    OUTSIDE,
    PSH,
    SYN,
    WINDOW,
    Pair,
    established,
    fate,
    passes,
)
from tests.native.harness import Harness


@pytest.mark.parametrize(
    ("sequence", "size", "fits"),
    [
        (1001, 100, True),
        (1001 + 65535, 0, True),
        (1001 + 65535, 1, True),  # a probe of a window that is full
        (1001 + 65536, 0, False),
        (1000, 0, True),  # keep-alive: RFC 9293, 3.8.4
        (1000, 1, True),
        (1001 - 65535, 0, True),
        (1001 - 65536, 0, False),
        (1001 + (1 << 31), 0, False),
    ],
)
def test_sequence_numbers(
    node: Harness, pair: Pair, sequence: int, size: int, *, fits: bool
) -> None:
    established(node, pair)
    found = fate(node, pair.tcp(OUTSIDE, ACK | PSH, sequence % (1 << 32), 5001, size=size))
    assert found == ([Reason.NONE] if fits else WINDOW)


@pytest.mark.parametrize(
    ("acknowledged", "fits"),
    [(5001, True), (5002, False), (5001 - 132_000, True), (5001 - 132_001, False)],
)
def test_acknowledgments(node: Harness, pair: Pair, acknowledged: int, *, fits: bool) -> None:
    established(node, pair)
    found = fate(node, pair.tcp(OUTSIDE, ACK, 1000, acknowledged % (1 << 32)))
    assert found == ([Reason.NONE] if fits else WINDOW)


def test_windows_are_scaled_where_both_sides_offer_it(node: Harness, pair: Pair) -> None:
    scale = bytes.fromhex("01030307")
    established(node, pair, scale)
    assert passes(node, pair.tcp(INSIDE, ACK, 5001, 1001, window=1000))
    assert passes(node, pair.tcp(OUTSIDE, ACK, 1001 + 128_000, 5001))
    assert fate(node, pair.tcp(OUTSIDE, ACK, 1001 + 128_001, 5001)) == WINDOW


def test_windows_are_not_scaled_where_one_side_does_not_offer_it(node: Harness) -> None:
    pair = Pair()
    assert passes(
        node,
        pair.tcp(OUTSIDE, SYN, 1000, options=bytes.fromhex("01030307")),
        pair.tcp(INSIDE, SYN | ACK, 5000, 1001),
        pair.tcp(OUTSIDE, ACK, 1001, 5001),
        pair.tcp(INSIDE, ACK, 5001, 1001, window=65535),
    )
    assert fate(node, pair.tcp(OUTSIDE, ACK, 1001 + 65_536, 5001)) == WINDOW


def test_sequence_numbers_wrap(node: Harness, pair: Pair) -> None:
    last = (1 << 32) - 1
    assert passes(
        node,
        pair.tcp(OUTSIDE, SYN, last - 10),
        pair.tcp(INSIDE, SYN | ACK, last, last - 9),
        pair.tcp(OUTSIDE, ACK, last - 9, 0),
        pair.tcp(OUTSIDE, ACK | PSH, last - 9, 0, size=100),
        pair.tcp(INSIDE, ACK | PSH, 0, 90, size=100),
        pair.tcp(OUTSIDE, ACK, 90, 100),
    )


def test_a_first_fragment_does_not_say_how_long_its_segment_is(node: Harness) -> None:
    pair = Pair()
    established(node, pair)
    tcp = struct.pack("!HHIIBBHHH", 40000, 80, 1001, 5001, 5 << 4, ACK, 65535, 0, 0)
    assert passes(node, pair.ip(OUTSIDE, 6, tcp + bytes(100), fragment=0x2000))
    assert passes(
        node, pair.tcp(INSIDE, ACK, 5001, 1001 + 3000), pair.tcp(OUTSIDE, ACK, 4001, 5001)
    )


@pytest.mark.parametrize(
    ("flags", "sequence", "acknowledged"),
    [(SYN, 123, 0), (SYN, 1001, 5001), (ACK, 1001, 5300)],
    ids=["syn", "syn in the window", "of what was not seen"],
)
def test_a_blind_first_fragment_relaxes_nothing(
    node: Harness, flags: int, sequence: int, acknowledged: int
) -> None:
    """RFC 5961, 4: it passes, for the host to challenge; who sent it, nobody knows."""
    pair = Pair()
    established(node, pair)
    fields = 40000, 80, sequence, acknowledged, 5 << 4, flags, 65535, 0, 0
    tcp = struct.pack("!HHIIBBHHH", *fields)
    assert passes(node, pair.ip(OUTSIDE, 6, tcp + bytes(100), fragment=0x2000))
    assert fate(node, pair.tcp(OUTSIDE, ACK, 1001 + 70_000, 5001)) == WINDOW
    assert fate(node, pair.tcp(OUTSIDE, ACK, 1000, 5001 + 70_000)) == WINDOW
    assert passes(node, pair.tcp(OUTSIDE, ACK, 1001, 5001))

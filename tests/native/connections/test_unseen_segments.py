"""Connections of which a segment did not pass the node: they recover, and forgers gain nothing."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from dataplane.native.abi import Reason
from tests.native.connections.connections_support import (
    ACK,
    FIN,
    INSIDE,
    OUTSIDE,
    PSH,
    RST,
    SYN,
    Pair,
    fate,
    passes,
    tracking,
)
from tests.native.harness import Frame, Harness

WINDOW = [Reason.OUT_OF_WINDOW]
LIMIT = 65_535
"""What each side of a handshake lets the other send."""


@pytest.fixture
def node(harness: Harness, pair: Pair) -> Iterator[Harness]:
    """Tracks, and has seen a handshake."""
    with tracking(harness):
        assert passes(harness, *pair.handshake())
        yield harness


def exchange(pair: Pair, rounds: int, mine: int, theirs: int) -> Iterator[Frame]:
    """The client asks with 50 bytes and acknowledges 300, as often as that."""
    for _ in range(rounds):
        yield pair.tcp(OUTSIDE, ACK | PSH, mine, theirs, size=50)
        mine += 50
        yield pair.tcp(INSIDE, ACK | PSH, theirs, mine, size=300)
        theirs += 300
        yield pair.tcp(OUTSIDE, ACK, mine, theirs)


def test_a_segment_of_the_client_that_was_not_seen_costs_nothing(node: Harness, pair: Pair) -> None:
    """The host acknowledges 100 bytes that passed another way."""
    answer = pair.tcp(INSIDE, ACK | PSH, 5001, 1101, size=300)
    assert passes(node, answer, pair.tcp(OUTSIDE, ACK, 1101, 5301))
    assert passes(node, *exchange(pair, 10, 1101, 5301))


def test_a_segment_of_the_host_that_was_not_seen_costs_nothing(node: Harness, pair: Pair) -> None:
    """The client acknowledges 300 bytes that passed another way, and asks again."""
    assert passes(node, pair.tcp(OUTSIDE, ACK, 1001, 5301))
    assert passes(node, *exchange(pair, 10, 1001, 5301))


def test_a_whole_exchange_that_was_not_seen_costs_a_round_trip(node: Harness, pair: Pair) -> None:
    """The client has sent 50 bytes elsewhere and the host has answered: neither was seen."""
    asks = pair.tcp(OUTSIDE, ACK | PSH, 1051, 5301, size=50)
    assert fate(node, asks) == WINDOW  # not the next number: it may be forged
    assert passes(node, pair.tcp(INSIDE, ACK | PSH, 5001, 1051, size=300), asks)
    assert passes(node, *exchange(pair, 3, 1101, 5301))


def test_the_last_of_the_handshake_may_have_passed_another_way(
    harness: Harness, pair: Pair
) -> None:
    with tracking(harness):
        assert passes(harness, *pair.handshake()[:2])
        assert passes(harness, pair.tcp(INSIDE, ACK | PSH, 5001, 1101, size=300))
        assert passes(harness, *exchange(pair, 3, 1101, 5301))
        assert harness.stats.connections.proven == 1


def test_the_host_moves_the_client_no_further_than_it_let_it_send(
    node: Harness, pair: Pair
) -> None:
    assert passes(
        node, pair.tcp(INSIDE, ACK, 5001, 1001 + LIMIT + 1)
    )  # never refused, not believed
    assert fate(node, pair.tcp(INSIDE, ACK, 5001, 1001), pair.tcp(OUTSIDE, ACK, 70_000, 5001)) == [
        Reason.NONE,
        *WINDOW,
    ]
    assert passes(node, pair.tcp(INSIDE, ACK, 5001, 1001 + LIMIT))
    assert passes(node, pair.tcp(OUTSIDE, ACK, 1001 + LIMIT, 5001))


def test_a_host_s_segment_outside_of_the_client_s_window_moves_nothing(
    node: Harness, pair: Pair
) -> None:
    assert passes(node, pair.tcp(INSIDE, ACK, 5001 + LIMIT + 1, 1101))
    assert passes(node, pair.tcp(INSIDE, ACK, 5001, 1001))
    assert fate(node, pair.tcp(OUTSIDE, ACK, 1101 + LIMIT, 5001)) == WINDOW


def test_an_acknowledgment_of_the_client_alone_moves_nothing(node: Harness, pair: Pair) -> None:
    assert passes(node, pair.tcp(OUTSIDE, ACK | PSH, 1001, 5301, size=50))
    # Neither the host's end nor the client's: the next number is still 1001.
    assert fate(node, pair.tcp(OUTSIDE, ACK, 1051, 5301)) == WINDOW
    assert fate(node, pair.tcp(OUTSIDE, ACK, 1000, 5301)) == WINDOW
    assert passes(node, pair.tcp(OUTSIDE, ACK, 1001, 5001))


@pytest.mark.parametrize("flags", [RST, RST | ACK, SYN | ACK, FIN | ACK, PSH | ACK, ACK])
def test_a_blind_attacker_gets_nothing_through_that_he_did_not_before(
    node: Harness, pair: Pair, flags: int
) -> None:
    """He knows addresses and ports. Windows are full of acknowledgments that nobody can have."""
    rng = random.Random(22)
    for _ in range(300):
        sequence = 1001 + rng.choice((-1, 1, rng.randrange(2, LIMIT), -rng.randrange(2, LIMIT)))
        unseen = 5002 + rng.randrange(LIMIT)
        if flags & ACK:
            segment = pair.tcp(OUTSIDE, flags, sequence % (1 << 32), unseen, size=10)
        else:
            segment = pair.tcp(OUTSIDE, flags, (sequence + 2 * LIMIT) % (1 << 32), unseen)
        assert fate(node, segment) == WINDOW
    beyond = pair.tcp(OUTSIDE, flags, 1001 if flags & ACK else 90_000, 5001 + LIMIT + 1)
    assert fate(node, beyond) == WINDOW
    assert passes(node, *exchange(pair, 2, 1001, 5001))
    assert node.stats.connections.active == node.stats.connections.proven == 1

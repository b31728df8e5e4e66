"""How connections end: what counts as an end, and what an ended one is no longer.

A client that has ended a connection may go on sending into it: that keeps no place.
"""

from __future__ import annotations

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
    SMALL,
    SYN,
    Pair,
    fate,
    passes,
    tracking,
)
from tests.native.harness import Frame, Harness

STATE, WINDOW = [Reason.OUT_OF_STATE], [Reason.OUT_OF_WINDOW]


@pytest.fixture
def node(harness: Harness, pair: Pair) -> Iterator[Harness]:
    """Tracks, and has seen a handshake."""
    with tracking(harness):
        assert passes(harness, *pair.handshake())
        yield harness


def closed(pair: Pair) -> list[Frame]:
    """Both FINs, both acknowledged."""
    return [
        pair.tcp(OUTSIDE, FIN | ACK, 1001, 5001),
        pair.tcp(INSIDE, FIN | ACK, 5001, 1002),
        pair.tcp(OUTSIDE, ACK, 1002, 5002),
    ]


def lasts(node: Harness, again: Frame, seconds: int) -> int:
    """For how many of these a connection is there, while its client goes on sending."""
    for second in range(seconds):
        if fate(node, again) == STATE:
            return second
        node.time.boot_ds += 10
    return seconds


ENDS = {
    "closed": closed,
    "reset by the client": lambda pair: [pair.tcp(OUTSIDE, RST, 1001)],
    "reset by the host": lambda pair: [pair.tcp(INSIDE, RST, 5001)],
    "reset with what was acknowledged": lambda pair: [pair.tcp(INSIDE, RST, 4000)],
}


@pytest.mark.parametrize("end", ENDS)
def test_nothing_keeps_an_ended_connection(node: Harness, pair: Pair, end: str) -> None:
    assert passes(node, *ENDS[end](pair))  # type: ignore[no-untyped-call]
    again = pair.tcp(OUTSIDE, ACK, 1001, 5001)
    most = max(SMALL.timeouts.closed, SMALL.timeouts.reset)
    assert lasts(node, again, 3 * most) <= most


@pytest.mark.parametrize("end", ENDS)
def test_an_ended_connection_does_not_count_to_its_source(
    node: Harness, pair: Pair, end: str
) -> None:
    node.policy.profile(0).connections_max = 1
    other = Pair(pair.client, pair.server, client_port=2, link=pair.link)
    syn = other.handshake()[0]
    assert fate(node, syn) == [Reason.CONNECTIONS_SOURCE]
    assert passes(node, *ENDS[end](pair))  # type: ignore[no-untyped-call]
    assert passes(node, pair.tcp(OUTSIDE, ACK, 1001, 5001), *other.handshake())


def test_fins_that_nobody_has_acknowledged_end_nothing(node: Harness, pair: Pair) -> None:
    node.policy.profile(0).connections_max = 1
    mine, theirs, last = closed(pair)
    assert passes(node, mine, theirs)
    syn = Pair(pair.client, pair.server, client_port=2, link=pair.link).handshake()[0]
    assert fate(node, syn) == [Reason.CONNECTIONS_SOURCE]
    assert (
        lasts(node, pair.tcp(INSIDE, FIN | ACK, 5001, 1002), 60) == 60
    )  # the host repeats its own
    assert passes(node, last, syn)


def test_nothing_comes_behind_a_fin_that_has_arrived(node: Harness, pair: Pair) -> None:
    assert passes(node, pair.tcp(OUTSIDE, FIN | ACK, 1001, 5001))
    assert passes(node, pair.tcp(INSIDE, ACK, 5001, 1002))
    assert fate(node, pair.tcp(OUTSIDE, ACK | PSH, 1002, 5001, size=10)) == WINDOW
    assert passes(node, pair.tcp(OUTSIDE, FIN | ACK, 1001, 5001))  # repeated
    assert passes(node, pair.tcp(INSIDE, ACK | PSH, 5001, 1002, size=1000))
    assert passes(node, pair.tcp(OUTSIDE, ACK, 1002, 6001))


def test_a_forged_fin_is_forgotten_when_its_sender_goes_on(node: Harness, pair: Pair) -> None:
    """It was in the window, and the host did not take it."""
    assert passes(node, pair.tcp(OUTSIDE, FIN | ACK, 1500, 5001))
    assert passes(node, pair.tcp(OUTSIDE, ACK | PSH, 1001, 5001, size=1000))
    assert passes(node, pair.tcp(INSIDE, ACK, 5001, 2001))
    assert passes(node, *(pair.tcp(OUTSIDE, ACK | PSH, 2001, 5001, size=1000) for _ in range(2)))
    node.time.boot_ds += 10 * (SMALL.timeouts.half_closed + 1)
    assert passes(node, pair.tcp(OUTSIDE, ACK, 3001, 5001))


def test_a_fin_before_the_end_is_none(node: Harness, pair: Pair) -> None:
    assert passes(node, pair.tcp(OUTSIDE, ACK | PSH, 1001, 5001, size=1000))
    assert passes(node, pair.tcp(OUTSIDE, FIN | ACK, 1100, 5001))
    node.time.boot_ds += 10 * (SMALL.timeouts.half_closed + 1)
    assert passes(node, pair.tcp(OUTSIDE, ACK, 2001, 5001))


def test_one_that_was_picked_up_ends_too(harness: Harness, pair: Pair) -> None:
    with tracking(harness):
        assert passes(harness, pair.tcp(INSIDE, ACK | PSH, 5001, 1001, size=10))
        assert passes(harness, pair.tcp(OUTSIDE, FIN | ACK, 1001, 5011))
        assert passes(harness, pair.tcp(INSIDE, FIN | ACK, 5011, 1002))
        assert passes(harness, pair.tcp(OUTSIDE, ACK, 1002, 5012))
        most = SMALL.timeouts.closed
        assert lasts(harness, pair.tcp(OUTSIDE, ACK, 1002, 5012), 3 * most) <= most


def test_a_host_s_answer_begins_another_in_the_place_of_an_ended_one(
    node: Harness, pair: Pair
) -> None:
    """The SYN passed another way."""
    node.policy.profile(0).connections_max = 1
    assert passes(node, *closed(pair))
    assert passes(node, pair.tcp(INSIDE, SYN | ACK, 77_000_000, 900_000_001))
    assert passes(node, pair.tcp(OUTSIDE, ACK, 900_000_001, 77_000_001))
    syn = Pair(pair.client, pair.server, client_port=2, link=pair.link).handshake()[0]
    assert fate(node, syn) == [Reason.CONNECTIONS_SOURCE]


def test_an_answer_to_a_syn_that_was_not_seen_lets_the_client_go_on(
    harness: Harness, pair: Pair
) -> None:
    with tracking(harness):
        scale = bytes.fromhex("01030307")
        assert passes(harness, pair.tcp(INSIDE, SYN | ACK, 5000, 1001, options=scale))
        assert fate(harness, pair.tcp(OUTSIDE, ACK, 1001, 5002)) == WINDOW  # proves nothing
        assert fate(harness, pair.tcp(OUTSIDE, ACK, 1001 + 65_536, 5001)) == WINDOW
        assert harness.stats.connections.proven == 0
        assert passes(harness, pair.tcp(OUTSIDE, ACK, 1001, 5001))
        assert harness.stats.connections.proven == 1
        # The client scales by up to 14: the host may send as much.
        sent = (
            pair.tcp(INSIDE, ACK | PSH, 5001 + at, 1001, size=1400) for at in range(0, 84_000, 1400)
        )
        assert passes(harness, *sent, pair.tcp(OUTSIDE, ACK, 1001, 89_001))

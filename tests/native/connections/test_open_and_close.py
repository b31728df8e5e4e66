"""How connections begin and end, and how long each state lasts."""

from __future__ import annotations

import pytest

from dataplane.base.settings import ConnectionTimeouts
from dataplane.native.abi import FLOW_SWEEP_DS, FlowState
from tests.native.connections.connections_support import (
    ACK,
    FIN,
    INSIDE,
    OUTSIDE,
    PSH,
    RST,
    SMALL,
    STATE,
    SYN,
    WINDOW,
    Pair,
    established,
    fate,
    passes,
)
from tests.native.harness import Harness


def test_only_the_client_s_own_acknowledgment_proves_it(node: Harness, pair: Pair) -> None:
    syn, answer, _ = pair.handshake()
    assert passes(node, syn, answer)
    assert fate(node, pair.tcp(OUTSIDE, ACK, 1001, 5002)) == WINDOW
    assert passes(node, pair.tcp(OUTSIDE, ACK, 1001, 5000))
    assert node.stats.connections.proven == 0
    assert passes(node, pair.tcp(OUTSIDE, ACK, 1001, 5001))
    assert node.stats.connections.proven == 1


def test_an_answer_to_another_syn_does_not_fit(node: Harness, pair: Pair) -> None:
    assert passes(node, pair.tcp(INSIDE, SYN, 1000))
    assert fate(node, pair.tcp(OUTSIDE, SYN | ACK, 5000, 1002)) == WINDOW
    assert fate(node, pair.tcp(OUTSIDE, RST | ACK, 0, 999)) == WINDOW
    assert fate(node, pair.tcp(OUTSIDE, ACK, 5000, 1001)) == STATE
    assert passes(node, pair.tcp(OUTSIDE, SYN | ACK, 5000, 1001), pair.tcp(INSIDE, ACK, 1001, 5001))
    assert node.stats.connections.proven == 1


def test_a_syn_may_be_repeated_or_tried_anew(node: Harness, pair: Pair) -> None:
    syn = pair.tcp(OUTSIDE, SYN, 1000)
    assert passes(node, syn, syn, pair.tcp(OUTSIDE, SYN, 2000))
    assert passes(node, pair.tcp(INSIDE, SYN | ACK, 5000, 2001))
    assert passes(node, pair.tcp(OUTSIDE, ACK, 2001, 5001))
    assert (node.stats.connections.proven, node.stats.connections.opened) == (1, 1)


def test_both_sides_may_open_at_once(node: Harness, pair: Pair) -> None:
    """RFC 9293, 3.5, figure 7."""
    assert passes(
        node,
        pair.tcp(OUTSIDE, SYN, 1000),
        pair.tcp(INSIDE, SYN, 5000),
        pair.tcp(OUTSIDE, SYN | ACK, 1000, 5001),
        pair.tcp(INSIDE, SYN | ACK, 5000, 1001),
        pair.tcp(OUTSIDE, ACK | PSH, 1001, 5001, size=10),
    )
    assert node.stats.connections.proven == 1


def test_both_sides_may_close_at_once(node: Harness, pair: Pair) -> None:
    established(node, pair)
    assert passes(
        node,
        pair.tcp(OUTSIDE, FIN | ACK, 1001, 5001),
        pair.tcp(INSIDE, FIN | ACK, 5001, 1001),
        pair.tcp(OUTSIDE, ACK, 1002, 5002),
        pair.tcp(INSIDE, ACK, 5002, 1002),
    )


def test_a_refused_connection_can_be_tried_again(node: Harness, pair: Pair) -> None:
    syn = pair.tcp(OUTSIDE, SYN, 1000)
    assert passes(node, syn, pair.tcp(INSIDE, RST | ACK, 0, 1001))
    assert passes(node, syn, *pair.handshake())
    assert (node.stats.connections.opened, node.stats.connections.active) == (2, 1)


def test_a_reset_that_is_not_exact_ends_nothing(node: Harness, pair: Pair) -> None:
    """It will be challenged: RFC 5961, 3.2."""
    established(node, pair)
    assert passes(node, pair.tcp(OUTSIDE, RST, 1010))
    assert fate(node, pair.tcp(OUTSIDE, RST, 1001 + 70_000)) == WINDOW
    node.time.boot_ds += 10 * (SMALL.timeouts.reset + 1)
    assert passes(node, pair.tcp(OUTSIDE, ACK, 1001, 5001))


def test_an_exact_reset_ends_a_connection_soon(node: Harness, pair: Pair) -> None:
    established(node, pair)
    assert passes(node, pair.tcp(OUTSIDE, RST, 1001))
    node.time.boot_ds += 10 * SMALL.timeouts.reset
    assert fate(node, pair.tcp(OUTSIDE, ACK, 1001, 5001)) == STATE


def test_a_closed_connection_makes_room_for_the_next(node: Harness, pair: Pair) -> None:
    established(node, pair)
    assert passes(
        node,
        pair.tcp(INSIDE, FIN | ACK, 5001, 1001),
        pair.tcp(OUTSIDE, FIN | ACK, 1001, 5002),
        pair.tcp(INSIDE, ACK, 5002, 1002),
        pair.tcp(OUTSIDE, SYN, 900_000),
        pair.tcp(INSIDE, SYN | ACK, 77, 900_001),
        pair.tcp(OUTSIDE, ACK, 900_001, 78),
    )


def test_a_syn_into_a_connection_is_for_the_server_to_challenge(node: Harness, pair: Pair) -> None:
    established(node, pair)
    assert passes(node, pair.tcp(OUTSIDE, SYN, 123), pair.tcp(OUTSIDE, ACK, 1001, 5001))


def test_a_server_that_has_forgotten_a_connection_answers_and_begins_another(
    node: Harness, pair: Pair
) -> None:
    established(node, pair)
    assert passes(
        node,
        pair.tcp(INSIDE, FIN | ACK, 5001, 1001),
        pair.tcp(OUTSIDE, SYN, 900_000_000),
        pair.tcp(INSIDE, SYN | ACK, 77_000_000, 900_000_001),
        pair.tcp(OUTSIDE, ACK, 900_000_001, 77_000_001),
        pair.tcp(INSIDE, ACK, 77_000_001, 900_000_001, size=10),
        pair.tcp(OUTSIDE, FIN | ACK, 900_000_001, 77_000_011),
    )
    assert (node.stats.connections.active, node.stats.connections.proven) == (1, 1)


def test_an_answer_that_is_repeated_begins_nothing(node: Harness, pair: Pair) -> None:
    established(node, pair)
    assert passes(node, pair.tcp(INSIDE, SYN | ACK, 5000, 1001))
    assert fate(node, pair.tcp(OUTSIDE, ACK, 1001, 5001 + 70_000)) == WINDOW


TIMES = [
    (lambda p: p.handshake()[:1], FlowState.SYN_SENT),
    (lambda p: p.handshake()[:2], FlowState.SYN_RECEIVED),
    (lambda p: p.handshake(), FlowState.ESTABLISHED),
    (lambda p: [*p.handshake(), p.tcp(INSIDE, FIN | ACK, 5001, 1001)], FlowState.HALF_CLOSED),
    (
        lambda p: [
            *(*p.handshake(), p.tcp(INSIDE, FIN | ACK, 5001, 1001)),
            p.tcp(OUTSIDE, FIN | ACK, 1001, 5002),
        ],
        FlowState.CLOSED,
    ),
    (lambda p: [*p.handshake(), p.tcp(INSIDE, RST, 5001)], FlowState.RESET),
    (lambda p: [p.tcp(INSIDE, ACK, 5001, 1)], FlowState.PICKED_UP),
    (lambda p: [p.udp(OUTSIDE)], FlowState.ONE_WAY),
    (lambda p: [p.udp(OUTSIDE), p.udp(INSIDE)], FlowState.TWO_WAY),
]


@pytest.mark.parametrize(("make", "state"), TIMES, ids=[state.name for _, state in TIMES])
def test_each_state_has_its_time(node: Harness, pair: Pair, make: object, state: FlowState) -> None:
    assert passes(node, *make(pair))  # type: ignore[operator]
    seconds = getattr(ConnectionTimeouts(), state.name.lower())
    table, stats = node.lcore.flows, node.stats.connections
    for step, left in ((10 * seconds - 1, 1), (1 + FLOW_SWEEP_DS, 0)):
        node.time.boot_ds += step
        for _ in range(100):
            node.library.sb_flows_sweep(table, node.time.boot_ds)
        assert stats.active == left
    assert stats.expired == 1

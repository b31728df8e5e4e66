"""The connections stage: what belongs to a connection passes, what belongs to none does not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dataplane.native.abi import Mode, Reason
from tests.native.connections.connections_support import (
    ACK,
    FIN,
    INSIDE,
    OUTSIDE,
    PAIRS,
    PSH,
    RST,
    STATE,
    SYN,
    WINDOW,
    Pair,
    established,
    fate,
    passes,
    tracking,
)
from tests.native.harness import Frame, Harness


@pytest.mark.parametrize("opener", [OUTSIDE, INSIDE])
def test_a_connection_from_its_beginning_to_its_end(node: Harness, pair: Pair, opener: int) -> None:
    mine, other = (OUTSIDE, INSIDE) if opener is OUTSIDE else (INSIDE, OUTSIDE)
    assert passes(
        node,
        *pair.handshake(mine),
        pair.tcp(mine, ACK | PSH, 1001, 5001, size=100),
        pair.tcp(other, ACK | PSH, 5001, 1101, size=1400),
        pair.tcp(mine, ACK | FIN, 1101, 6401),
        pair.tcp(other, ACK | PSH, 6401, 1102, size=1400),
        pair.tcp(mine, ACK, 1102, 7801),
        pair.tcp(other, ACK | FIN, 7801, 1102),
        pair.tcp(mine, ACK, 1102, 7802),
    )
    stats = node.stats.connections
    assert (stats.active, stats.proven, stats.opened) == (1, 1, 1)


@pytest.mark.parametrize(
    "flags", [ACK, ACK | PSH, ACK | FIN, RST, RST | ACK, SYN | ACK], ids=lambda flags: f"{flags:#x}"
)
def test_what_no_connection_knows_is_out_of_state(node: Harness, pair: Pair, flags: int) -> None:
    assert fate(node, pair.tcp(OUTSIDE, flags, 1, 1)) == STATE
    assert node.stats.connections.active == 0


def test_what_protected_hosts_send_is_never_refused(node: Harness, pair: Pair) -> None:
    for flags in (ACK, RST, SYN | ACK, FIN | ACK):
        assert passes(node, pair.tcp(INSIDE, flags, 1, 1))
    assert passes(node, *pair.handshake(), pair.tcp(INSIDE, ACK, 5001 + (1 << 30), 1, size=100))


def test_a_server_that_goes_on_sending_opens_the_way_for_answers(node: Harness, pair: Pair) -> None:
    assert passes(node, pair.tcp(INSIDE, ACK | PSH, 9000, 4000, size=10))
    assert passes(node, pair.tcp(OUTSIDE, ACK, 4000, 9010))
    assert node.stats.connections.proven == 1


def test_monitor_lets_everything_through_and_picks_it_up(harness: Harness, pair: Pair) -> None:
    with tracking(harness, mode=Mode.MONITOR):
        asks = pair.tcp(OUTSIDE, ACK | PSH, 1, 1, size=10)
        assert passes(harness, asks, pair.tcp(INSIDE, ACK, 1, 11), asks, asks)
        counts = harness.stats.profile[0].count[Reason.OUT_OF_STATE]
        assert (counts[Mode.MONITOR], counts[Mode.ENFORCE]) == (1, 0)
        assert harness.stats.connections.proven == 1


def test_a_restart_is_followed_by_a_time_of_learning(node: Harness, pair: Pair) -> None:
    node.node.learning_until_ds = node.time.boot_ds + 10
    assert passes(node, pair.tcp(OUTSIDE, ACK, 1, 1), pair.tcp(INSIDE, ACK | PSH, 1, 1, size=9))
    assert fate(node, replace(pair, client_port=1).tcp(OUTSIDE, SYN | ACK, 1, 1)) == STATE
    node.time.boot_ds += 10
    assert passes(node, pair.tcp(OUTSIDE, ACK, 1, 10))
    assert fate(node, replace(pair, client_port=2).tcp(OUTSIDE, ACK, 1, 1)) == STATE


def test_datagrams_have_connections_of_a_kind(node: Harness, pair: Pair) -> None:
    assert passes(node, pair.udp(OUTSIDE), pair.udp(INSIDE), pair.udp(OUTSIDE, 100))
    assert passes(node, replace(pair, client_port=2).udp(INSIDE))
    assert (node.stats.connections.active, node.stats.connections.proven) == (2, 0)


def test_answers_may_come_back_in_another_vlan(node: Harness) -> None:
    tagged, plain = PAIRS["vlan"], PAIRS["ipv4"]
    _, answer, _ = plain.handshake()
    syn, _, last = tagged.handshake()
    assert passes(node, syn, answer, last)
    assert node.stats.connections.proven == 1


def test_an_echo_reply_that_nobody_asked_for_is_out_of_state(node: Harness, pair: Pair) -> None:
    assert fate(node, pair.echo(OUTSIDE, reply=True)) == STATE
    assert passes(node, pair.echo(INSIDE, reply=False), pair.echo(OUTSIDE, reply=True))
    assert fate(node, pair.echo(OUTSIDE, reply=True, identifier=8)) == STATE


def test_errors_and_later_fragments_pass(node: Harness) -> None:
    pair = Pair()
    quote = pair.tcp(INSIDE, ACK, 1, 1).data[14:]
    assert passes(node, pair.ip(OUTSIDE, 1, bytes([3, 4, 0, 0, 0, 0, 5, 0]) + quote))
    assert passes(node, pair.ip(OUTSIDE, 6, bytes(64), fragment=100))
    assert node.stats.connections.active == 0


def test_packets_of_one_burst_keep_their_order(node: Harness, pair: Pair) -> None:
    """A segment that is usual must not overtake one that is not."""
    established(node, pair)
    burst: list[Frame] = [
        pair.tcp(OUTSIDE, FIN | ACK, 1001, 5001),
        pair.tcp(OUTSIDE, ACK | PSH, 1002, 5001, size=10),
        pair.tcp(INSIDE, ACK, 5001, 1012),
        pair.tcp(OUTSIDE, RST, 1012),
        pair.tcp(OUTSIDE, SYN, 500_000),
        pair.tcp(INSIDE, SYN | ACK, 9000, 500_001),
        pair.tcp(OUTSIDE, ACK, 500_001, 9001),
        pair.tcp(OUTSIDE, ACK | PSH, 1012, 5001, size=10),
    ]
    reasons = [Reason(packet.reason) for packet in node.run(burst)]
    assert reasons == [Reason.NONE] * 7 + WINDOW

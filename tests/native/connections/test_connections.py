"""The connections stage: what belongs to a connection passes, what belongs to none does not."""

from __future__ import annotations

import struct
from dataclasses import replace
from ipaddress import IPv6Address

import pytest

from dataplane.base.settings import ConnectionTimeouts
from dataplane.native.abi import FLOW_SWEEP_DS, FlowState, Mode, Reason
from tests.native.connections.connections_support import (
    ACK,
    FIN,
    INSIDE,
    OUTSIDE,
    PAIRS,
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


@pytest.fixture(params=PAIRS)
def pair(request: pytest.FixtureRequest) -> Pair:
    return PAIRS[request.param]


@pytest.fixture
def node(harness: Harness) -> Harness:
    """Tracks, and enforces everything about it."""
    with tracking(harness):
        yield harness


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


# --- windows --------------------------------------------------------------------------------------


def established(node: Harness, pair: Pair, options: bytes = b"") -> None:
    assert passes(node, *pair.handshake(options=options))


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


# --- how connections begin and end ----------------------------------------------------------------


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


# --- UDP and ICMP ---------------------------------------------------------------------------------


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


# --- limits ---------------------------------------------------------------------------------------


def connect(node: Harness, pair: Pair, port: int) -> list[Reason]:
    """A host does not answer a SYN that it has not received."""
    syn, *rest = replace(pair, client_port=port).handshake()
    found = fate(node, syn)
    return found + fate(node, *rest) if found == [Reason.NONE] else found


def test_a_source_has_no_more_connections_than_allowed(node: Harness, pair: Pair) -> None:
    node.policy.profile(0).connections_max = 2
    one, other = replace(pair, client_port=1), replace(pair, client_port=2)
    assert passes(node, *one.handshake(), *other.handshake())
    assert connect(node, pair, 3)[0] is Reason.CONNECTIONS_SOURCE
    assert passes(node, *replace(pair, client_port=9).handshake(INSIDE))  # the server's own
    assert passes(node, one.tcp(OUTSIDE, RST, 1001), other.tcp(OUTSIDE, RST, 1001))
    assert connect(node, pair, 4) == [Reason.NONE] * 3


def test_forged_syns_use_up_nobody_s_connections(node: Harness, pair: Pair) -> None:
    node.policy.profile(0).connections_max = 1
    for port in range(1, 100):
        assert passes(node, replace(pair, client_port=port).tcp(OUTSIDE, SYN, 1))
    assert connect(node, pair, 1000) == [Reason.NONE] * 3


def test_an_ipv6_64_is_one_source(node: Harness) -> None:
    node.policy.profile(0).connections_max = 1
    pair = PAIRS["ipv6"]
    assert connect(node, pair, 1) == [Reason.NONE] * 3
    neighbour = replace(pair, client=IPv6Address("2001:db8::8"))
    assert connect(node, neighbour, 1)[0] is Reason.CONNECTIONS_SOURCE
    assert (
        connect(node, replace(pair, client=IPv6Address("2001:db8:0:1::7")), 1) == [Reason.NONE] * 3
    )


def test_monitored_limits_count_and_let_through(node: Harness, pair: Pair) -> None:
    node.set_mode(Reason.CONNECTIONS_SOURCE, Mode.MONITOR)
    node.policy.profile(0).connections_max = 1
    for port in (1, 2, 3):
        assert connect(node, pair, port) == [Reason.NONE] * 3
    syns_and_proofs = 4
    counts = node.stats.profile[0].count[Reason.CONNECTIONS_SOURCE]
    assert counts[Mode.MONITOR] == syns_and_proofs


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

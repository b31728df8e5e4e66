"""What is counted of a protected destination, on bytes: IPv4, IPv6, behind tags."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from dataplane.native import abi
from dataplane.native.abi import Mode, PacketFlag, Port, Reason, TrafficKind, Verdict
from dataplane.tables.lists import Lists, pack
from tests.native.connections.connections_support import (
    ACK,
    INSIDE,
    OUTSIDE,
    PAIRS,
    RST,
    SERVER,
    SYN,
    Pair,
    tracking,
)
from tests.native.connections.syn.syn_proxy_support import proxying
from tests.native.detection.detection_support import Node, counting, key_of
from tests.native.harness import Frame, Harness

K = TrafficKind
MORE_FRAGMENTS, SECOND = 0x2000, 0x0010


@pytest.fixture
def node(harness: Harness) -> Iterator[Node]:
    with tracking(harness, mode=Mode.MONITOR), counting(harness) as made:
        yield made


@pytest.fixture(params=PAIRS)
def pair(request: pytest.FixtureRequest) -> Pair:
    return PAIRS[request.param]


def test_a_handshake_counts_its_syn_its_answer_and_one_connection(node: Node, pair: Pair) -> None:
    frames = pair.handshake()
    for frame in frames:
        node.harness.run_one(frame)
    assert node.counts(pair.server) == {K.PACKETS: 2, K.SYN: 1, K.SYN_ACK: 1, K.CONNECTION: 1}
    row = node.table.row(key_of(pair.server))
    assert row is not None
    assert row.bytes == sum(len(one.data) for one in frames if one.port is OUTSIDE)


def test_data_of_a_connection_counts_as_packets_alone(node: Node, pair: Pair) -> None:
    for frame in pair.handshake():
        node.harness.run_one(frame)
    before = node.counts(pair.server)
    node.harness.run([pair.tcp(OUTSIDE, ACK, 1001 + 10 * i, 5001, size=10) for i in range(9)])
    node.harness.run([pair.tcp(INSIDE, ACK, 5001 + 10 * i, 1091, size=10) for i in range(9)])
    assert node.counts(pair.server) == before | {K.PACKETS: before[K.PACKETS] + 9}


def test_what_belongs_to_no_connection_counts_as_ack_or_rst(node: Node, pair: Pair) -> None:
    strays = [pair.tcp(OUTSIDE, flags, 1, 1) for flags in (ACK, RST, RST | ACK, SYN | ACK)]
    others = [replace(pair, client_port=40001 + i) for i in range(3)]
    node.harness.run([*strays, *(one.tcp(OUTSIDE, ACK, 1, 1) for one in others)])
    assert node.counts(pair.server) == {K.PACKETS: 7, K.ACK: 5, K.RST: 2}


def test_a_flood_of_one_source_and_port_stays_one_of_acks(node: Node, pair: Pair) -> None:
    """The first one is picked up as a connection, of which nobody has seen the other side."""
    for number in range(5):
        node.harness.run_one(pair.tcp(OUTSIDE, ACK, 1000 * number, 1))
    assert node.counts(pair.server) == {K.PACKETS: 5, K.ACK: 5}


def test_connections_that_are_met_after_a_start_are_no_strays(node: Node, pair: Pair) -> None:
    node.harness.node.learning_until_ds = node.harness.time.boot_ds + 10
    node.harness.run([pair.tcp(OUTSIDE, ACK, 1, 1, size=5), pair.tcp(OUTSIDE, ACK, 6, 1)])
    assert node.counts(pair.server) == {K.PACKETS: 2}


def test_a_segment_out_of_its_window_is_a_stray(node: Node, pair: Pair) -> None:
    for frame in pair.handshake():
        node.harness.run_one(frame)
    node.harness.run_one(pair.tcp(OUTSIDE, ACK, 1 << 30, 5001, size=10))
    assert node.counts(pair.server)[K.ACK] == 1


def test_what_is_dropped_before_anybody_asks_keeps_its_kind(node: Node, pair: Pair) -> None:
    """Else a flood would seem to be over as soon as its sources are banned."""
    with Lists(node.harness.library, 64, 64, 1, bytes(16)) as lists:
        ban = (key_of(pair.client), 128, abi.ListKind.BLACKLIST, abi.DEADLINE_NEVER)
        assert lists.put(pack([ban])) == 0
        assert lists.commit()
        node.harness.node.lists = lists.address
        flags = (SYN, ACK, RST)
        node.harness.run([pair.tcp(OUTSIDE, one, 1, 1) for one in flags])
        node.harness.node.lists = 0
    expected = {K.PACKETS: 3, K.DROPPED: 3, K.SYN: 1, K.ACK: 1, K.RST: 1}
    assert node.counts(pair.server) == expected


def test_datagrams_count_and_those_of_reflectors_once_more(node: Node, pair: Pair) -> None:
    reflected = replace(pair, client_port=53)
    node.harness.run([pair.udp(OUTSIDE), reflected.udp(OUTSIDE), reflected.udp(OUTSIDE)])
    assert node.counts(pair.server) == {K.PACKETS: 3, K.UDP: 3, K.AMPLIFICATION: 2}


def test_icmp_counts(node: Node, pair: Pair) -> None:
    node.harness.run([pair.echo(OUTSIDE, reply=False), pair.echo(INSIDE, reply=True)])
    assert node.counts(pair.server) == {K.PACKETS: 1, K.ICMP: 1}


def test_fragments_count_and_the_first_as_what_it_carries(node: Node) -> None:
    pair = Pair()
    node.harness.run(
        [
            pair.ip(OUTSIDE, 17, pair.udp(OUTSIDE, 24).data[34:], MORE_FRAGMENTS),
            pair.ip(OUTSIDE, 17, bytes(24), SECOND),
        ]
    )
    counts = node.counts()
    assert (counts[K.FRAGMENT], counts.get(K.UDP, 0), counts[K.PACKETS]) == (2, 1, 2)


@pytest.mark.parametrize("mode", Mode)
def test_malformed_packets_are_nothing_else_in_any_mode(node: Node, mode: Mode) -> None:
    """An SYN and FIN together is sanity's to object to; a wrong length is parse's."""
    for reason in (Reason.TCP_FLAGS, Reason.TCP_HEADER_LENGTH):
        node.harness.set_mode(reason, mode)
    pair = Pair()
    short = pair.tcp(OUTSIDE, SYN, 1)
    cut = replace(short, data=short.data[:46] + b"\x40" + short.data[47:])
    node.harness.run([cut])
    is_dropped = mode is Mode.ENFORCE
    expected = {K.PACKETS: 1, K.MALFORMED: 1} | ({K.DROPPED: 1} if is_dropped else {})
    assert node.counts() == expected
    node.harness.run([pair.tcp(OUTSIDE, SYN | 1, 1)])
    if mode is not Mode.OFF:
        assert node.counts()[K.MALFORMED] == 2
        assert K.SYN not in node.counts()


def test_a_syn_that_is_answered_counts_for_whom_it_was_sent_to(harness: Harness) -> None:
    with proxying(harness), counting(harness) as node:
        packet = harness.run_one(Pair().tcp(OUTSIDE, SYN, 1, options=b"\x02\x04\x05\xb4"))
        assert packet.verdict == Verdict.CONSUMED
        assert packet.flags & PacketFlag.ANSWER
        assert node.counts(SERVER) == {K.PACKETS: 1, K.SYN: 1}
        assert node.table.used == 1
        assert [bytes(one.destination) for one in node.table.samples()] == [key_of(SERVER)]
        assert [(one.source_port, one.destination_port) for one in node.table.samples()] == [
            (40000, 80)
        ]


def test_what_goes_to_another_lcore_counts_there(library: object, harness: Harness) -> None:
    harness.node.lcore_count = 16
    clients = [IPv4Address("203.0.113.0") + i for i in range(32)]
    with counting(harness) as node:
        packets = harness.run([Pair(client=client).udp(OUTSIDE) for client in clients])
        gone = sum(one.verdict == Verdict.HANDED_OVER for one in packets)
        assert 0 < gone < len(packets)
        assert node.counts()[K.PACKETS] == len(packets) - gone
        row = node.table.row(key_of(SERVER))
        assert row is not None
        assert row.bytes == (len(packets) - gone) * packets[0].length


def test_what_has_no_destination_counts_for_the_default_profile(node: Node) -> None:
    arp = bytes(12) + b"\x08\x06" + bytes(46)
    node.harness.run([Frame(arp), Frame(bytes(12) + b"\x08\x00" + b"\x45" * 8)])
    row = node.table.overflow(0)
    assert (row.count[K.PACKETS], row.count[K.MALFORMED], node.table.used) == (2, 1, 0)


def test_a_burst_to_many_destinations_is_told_apart(node: Node) -> None:
    servers = [SERVER + i % 5 for i in range(32)]
    frames = [Pair(server=server).udp(OUTSIDE) for server in servers]
    frames[7::8] = [replace(one, port=Port.INSIDE) for one in frames[7::8]]
    node.harness.run(frames)
    sent = [server for server, one in zip(servers, frames, strict=True) if one.port is OUTSIDE]
    assert [node.counts(SERVER + i) for i in range(5)] == [
        {K.PACKETS: sent.count(SERVER + i), K.UDP: sent.count(SERVER + i)} for i in range(5)
    ]


def test_an_empty_burst_is_nothing(node: Node) -> None:
    assert node.harness.run([]) == []
    assert node.table.used == 0


def test_who_finds_no_row_counts_for_its_profile(harness: Harness) -> None:
    with counting(harness, destinations_max=8) as node:
        node.run([Pair(server=SERVER + i).udp(OUTSIDE) for i in range(40)])
        assert node.table.used == 8
        assert node.table.overflow(0).count[K.UDP] == 32
        assert node.tick().all.since[K.PACKETS] == 40


def test_a_row_without_traffic_for_a_minute_is_given_to_another(harness: Harness) -> None:
    with counting(harness, destinations_max=8) as node:
        first, second = ([SERVER + 8 * n + i for i in range(8)] for n in range(2))
        node.run([Pair(server=server).udp(OUTSIDE) for server in first])
        node.tick()
        node.run([Pair(server=first[0]).udp(OUTSIDE)])
        node.tick(59_000)
        node.tick(1_000)  # all but the first are idle
        node.run([Pair(server=server).udp(OUTSIDE) for server in second])
        window = node.tick()
        known = [server for server in first + second if node.counts(server)]
        assert first[0] in known
        assert len(known) == 8
        assert window.all.since[K.PACKETS] == 8
        assert node.collector.destinations == 8

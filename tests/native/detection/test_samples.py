"""Packets that are sampled, what is made of them, and bytes of those that are dropped."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address

import pytest

from dataplane.detection.traffic import SIZE_BOUNDS, Target
from dataplane.native import abi
from dataplane.native.abi import Mode, PacketFlag, Reason, Sampled
from dataplane.tables.policy_table import PolicyTable
from tests.native.connections.connections_support import INSIDE, OUTSIDE, SERVER, SYN, Pair
from tests.native.detection.detection_support import Node, counting, key_of
from tests.native.harness import Frame, Harness
from tests.native.stages.countries_support import country_table

TARGET = Target(key_of(SERVER), 128)
WANTED = 2000
"""Samples of each kind at a collection: SB_SAMPLES_WANTED."""
CLIENT = IPv4Address("203.0.0.0")


@pytest.fixture
def node(harness: Harness) -> Iterator[Node]:
    with counting(harness) as made:
        yield made


def syns(count: int, first: int = 0, *, size: int = 0) -> list[Frame]:
    """Of as many sources."""
    clients = (CLIENT + first + i for i in range(count))
    return [Pair(client=client).tcp(OUTSIDE, SYN, 1, size=size) for client in clients]


def flood(node: Node, frames: list[Frame], packets: int) -> None:
    """The same burst again and again: many packets in little time."""
    node.harness.fill(frames)
    for _ in range(packets // len(frames)):
        node.harness.library.sb_pipeline_run(*node.harness._arguments())


def test_at_low_rates_every_packet_is_a_sample(node: Node) -> None:
    node.run([*syns(20), *syns(20)])
    node.harness.run([Pair().tcp(INSIDE, SYN, 1)])
    found = node.table.samples()
    assert len(found) == 40
    assert {one.sampled for one in found} == {Sampled.PACKET | Sampled.SOURCE}
    assert {one.packets for one in found} == {1}


def test_sampling_begins_when_it_is_wanted(node: Node) -> None:
    """Before the first collection nothing is, and afterwards packets of the burst alone."""
    node.harness.node.sample_packets_every = 0
    node.harness.run(syns(32))
    before = len(node.table.samples())
    node.harness.node.sample_packets_every = 1
    node.harness.run(syns(3, 100))
    found = node.table.samples()[before:]
    assert [bytes(one.source) for one in found] == [key_of(CLIENT + 100 + i) for i in range(3)]


def test_a_sample_says_what_the_packet_was(node: Node) -> None:
    node.harness.set_mode(Reason.LAND, Mode.ENFORCE)
    node.harness.run([*syns(1, size=30), Pair(SERVER, SERVER).tcp(OUTSIDE, SYN, 1)])
    first, land = node.table.samples()
    assert (bytes(first.source), bytes(first.destination)) == (key_of(CLIENT), key_of(SERVER))
    assert (first.source_port, first.destination_port, first.protocol) == (40000, 80, 6)
    assert (first.tcp_flags, first.size, first.verdict) == (SYN, 84, abi.Verdict.PASS)
    assert (land.verdict, land.reason) == (abi.Verdict.DROP, Reason.LAND)
    assert first.boot_ds == node.now_ms // 100


def test_how_many_are_sampled_follows_the_rate(node: Node) -> None:
    flood(node, syns(32), 64_000)
    node.tick()
    assert node.collector.sampling.packets_every == 32
    flood(node, syns(32), 64_000)
    window = node.tick()
    found = [one for one in node.table.samples() if one.packets == 32]
    taken = sum(bool(one.sampled & Sampled.PACKET) for one in found)
    assert abs(taken - WANTED) < 5 * WANTED**0.5
    assert window.all.since[abi.TrafficKind.SYN] == 64_000
    node.tick()
    assert node.collector.sampling.packets_every == 1
    node.run(syns(10, size=7))
    assert [(one.packets, one.size) for one in node.table.samples()[-10:]] == [(1, 61)] * 10


def test_a_source_that_sends_a_lot_is_told_of_twice(node: Node) -> None:
    """So that it does not fill the ring, and that it is known not to have sent once."""
    node.harness.node.sample_packets_every = 1 << 20
    node.table.samples()
    before = len(node.table.samples())
    flood(node, syns(1), 1000)
    found = node.table.samples()[before:]
    assert sum(bool(one.sampled & Sampled.SOURCE) for one in found) == 2


def test_samples_that_find_no_room_are_counted(node: Node) -> None:
    flood(node, syns(32), abi.SAMPLES_MAX + 3200)
    node.tick()
    assert node.collector.samples_lost == 3200
    node.run(syns(5))
    assert len(node.table.samples()) == abi.SAMPLES_MAX


def test_sources_alone_take_half_the_ring(node: Node) -> None:
    node.harness.node.sample_packets_every = 1 << 20
    node.run(syns(abi.SAMPLES_MAX // 2 + 1000))
    assert len(node.table.samples()) <= abi.SAMPLES_MAX // 2 + 2


def test_evidence_of_a_flood(node: Node) -> None:
    node.collector.follow(TARGET)
    node.run([*syns(900), *syns(1, 5000) * 600, *syns(50, size=1460)])
    node.run([Pair(client=CLIENT, server=SERVER + 1).udp(OUTSIDE)])
    node.tick()
    found = node.collector.evidence(TARGET)
    assert (found.packets, found.samples_taken) == (1550, 1550)
    assert found.sources[0].key == key_of(CLIENT + 5000)
    assert 600 <= found.sources[0].packets <= 600 + found.sources[0].error
    assert found.sources[0].error <= 1550 / abi.TOP_MAX
    assert [(one.protocol, one.port, one.packets) for one in found.ports] == [(6, 80, 1550)]
    assert [(one.protocol, one.port) for one in found.source_ports] == [(6, 40000)]
    assert (found.tcp_flags, found.countries) == ({SYN: 1550}, {0: 1550})
    assert dict(zip((*SIZE_BOUNDS, None), found.sizes, strict=True)) == dict.fromkeys(
        SIZE_BOUNDS, 0
    ) | {None: 0, 64: 1500, 1518: 50}
    assert found.distinct_sources == 901
    assert found.seen_once == pytest.approx(850 / 901)
    assert len(found.samples) == abi.EVIDENCE_SAMPLES_MAX
    assert found.samples[-1].size == 1514


def test_evidence_begins_a_second_before(node: Node) -> None:
    node.run(syns(10))
    for _ in range(11):
        node.tick()
    node.run(syns(7, 100))
    node.tick()
    node.collector.follow(TARGET)
    assert node.collector.evidence(TARGET).packets == 7
    node.run(syns(5, 200))
    node.tick()
    assert node.collector.evidence(TARGET).packets == 12


def test_evidence_names_countries_and_reasons(node: Node) -> None:
    harness = node.harness
    harness.set_mode(Reason.TCP_FLAGS, Mode.MONITOR)
    node.collector.follow(TARGET)
    with country_table(harness.library, [(0, 0), (int(CLIENT), 5)], [(0, 0)]) as countries:
        harness.node.countries = countries.address
        harness.run([*syns(3), Pair().tcp(OUTSIDE, SYN | 1, 1)])
        node.tick()
        harness.node.countries = 0
    found = node.collector.evidence(TARGET)
    assert (found.countries, found.reasons) == ({5: 4}, {Reason.TCP_FLAGS: 1})


def test_what_was_sampled_stands_for_all_of_it(node: Node) -> None:
    node.collector.follow(TARGET)
    flood(node, syns(32), 64_000)
    node.tick()
    before = node.collector.evidence(TARGET).packets
    flood(node, syns(32), 64_000)
    node.tick()
    found = node.collector.evidence(TARGET).packets - before
    assert abs(found - 64_000) < 5 * (64_000 * 32) ** 0.5


def test_the_nodes_top_is_a_rate(node: Node) -> None:
    for _ in range(400):
        node.run([*syns(1) * 3, *syns(1, 9)])
        node.tick()
    sources, destinations = node.collector.node_top()
    assert [one.key for one in sources] == [key_of(CLIENT), key_of(CLIENT + 9)]
    assert destinations[0].key == key_of(SERVER)
    assert 33 <= destinations[0].packets <= 41
    for _ in range(600):
        node.tick()
    assert node.collector.node_top() == ((), ())


def test_dropped_packets_are_captured_while_there_is_a_budget(node: Node) -> None:
    harness = node.harness
    land = Pair(SERVER, SERVER).tcp(OUTSIDE, SYN, 1, size=300)
    harness.run([land])
    assert harness.stats.capture_count == 0
    node.tick()
    node.collector.capture(0, 3)
    for _ in range(5):
        harness.run([land, *syns(2)])
    assert harness.stats.capture_count == 3
    found = harness.stats.capture[0]
    assert (found.sequence, found.length, found.captured) == (1, 354, abi.CAPTURE_BYTES)
    assert bytes(found.bytes) == land.data[: abi.CAPTURE_BYTES]
    assert (found.reason, found.mode, found.port) == (Reason.LAND, Mode.ENFORCE, OUTSIDE)
    assert bytes(found.protected_address) == key_of(SERVER)
    node.collector.capture(0, 0)
    harness.run([land])
    assert harness.stats.capture_count == 3


def test_what_monitor_would_drop_is_captured_and_said_to_be(node: Node) -> None:
    node.harness.set_mode(Reason.LAND, Mode.MONITOR)
    node.collector.capture(0, 1)
    packet = node.harness.run_one(Pair(SERVER, SERVER).tcp(OUTSIDE, SYN, 1))
    assert packet.flags & PacketFlag.WOULD_DROP
    found = node.harness.stats.capture[0]
    assert (found.reason, found.mode) == (Reason.LAND, Mode.MONITOR)
    assert found.captured == packet.length


def test_captures_are_of_the_profile_that_was_asked_for(harness: Harness) -> None:
    def two_profiles(table: PolicyTable) -> None:
        table.add(1)
        table.target(key_of(SERVER), 128, 1)

    harness.use_policy(two_profiles)
    other = SERVER + 1
    with counting(harness) as node:
        node.collector.capture(1, 10)
        harness.run([Pair(s, s).tcp(OUTSIDE, SYN, 1) for s in (SERVER, other, other)])
        assert harness.stats.capture_count == 1
        assert harness.stats.capture[0].profile == 1


def test_a_capture_says_when_on_the_boot_clock(node: Node) -> None:
    node.tick()
    pair = node.harness.node.clock[node.harness.node.clock_index]
    node.collector.capture(0, 1)
    node.harness.fill([Pair(SERVER, SERVER).tcp(OUTSIDE, SYN, 1)])
    node.harness.burst.packets[0].rx_tsc = pair.tsc + 5000
    node.harness.library.sb_pipeline_run(*node.harness._arguments())
    assert node.harness.stats.capture[0].boot_ns == pair.boot_ns + 5000

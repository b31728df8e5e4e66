"""The pipeline as a whole: ledgers, counters by stage, modes, and samples of what it drops."""

from __future__ import annotations

from dataplane.native import abi
from dataplane.native.abi import Message, Mode, PacketFlag, Port, Reason, Stage, Verdict
from dataplane.shared.transport.ring import Consumer, Element
from dataplane.tables.policy_table import KEY_BYTES, PolicyTable
from tests.native import broken_frames, frames
from tests.native.harness import Frame, Harness
from tests.native.ledger import assert_ledger

LAND = bytes(frames.link("untagged") / frames.ip4(src=frames.SERVER4) / frames.tcp())


def mixed_burst() -> list[Frame]:
    """Good, bad, split, cut and link-scope packets from both sides; a full burst."""
    good = [frames.good(name) for name in sorted(frames.GOOD)][:8]
    bad = [case.make("vlan") for case in broken_frames.broken()][:40:5]
    arp = bytes(frames.link("untagged", 0x0806)) + b"\0" * 28
    split = Frame(good[0][:30], Port.INSIDE, length=len(good[0]))
    cut = Frame(good[0][:30], Port.INSIDE, PacketFlag.CUT, length=len(good[0]))
    inside = [Frame(data, Port.INSIDE) for data in (*good[:5], *bad[:6])]
    frames_made = [*map(Frame, good), *map(Frame, bad), Frame(arp), split, cut, *inside]
    assert len(frames_made) <= abi.BURST_MAX
    return frames_made


def test_the_ledger_holds_for_a_mixed_burst(harness: Harness) -> None:
    packets = harness.run(mixed_burst())
    assert_ledger(harness)
    verdicts = {Verdict(packet.verdict) for packet in packets}
    assert verdicts == {Verdict.PASS, Verdict.DROP}


def test_counters_grow_alike_with_every_burst(harness: Harness) -> None:
    harness.run(mixed_burst())
    once = [list(harness.stats.port[port].dropped) for port in Port]
    received = [harness.stats.port[port].received for port in Port]
    for _ in range(9):
        harness.run(mixed_burst())
    for port in Port:
        stats = harness.stats.port[port]
        assert stats.received == 10 * received[port]
        assert list(stats.dropped) == [10 * count for count in once[port]]


def test_an_empty_burst_counts_nothing(harness: Harness) -> None:
    assert harness.run([]) == []
    assert not any(stage.packets for stage in harness.stats.stage)


def test_monitoring_everything_forwards_everything_unchanged(harness: Harness) -> None:
    for reason in Reason:
        harness.set_mode(reason, Mode.MONITOR)
    for case in broken_frames.broken():
        data = case.make("qinq")
        packet = harness.run_one(data)
        assert Verdict(packet.verdict) is Verdict.PASS, case
        assert packet.flags & PacketFlag.WOULD_DROP, case
        assert harness.bytes_of(packet) == data, case
    assert not any(sum(harness.stats.port[port].dropped) for port in Port)


def test_what_is_off_is_not_even_counted(harness: Harness) -> None:
    for reason in Reason:
        harness.set_mode(reason, Mode.OFF)
    for case in broken_frames.broken():
        assert Verdict(harness.run_one(case.make("vlan")).verdict) is Verdict.PASS, case
    assert not any(sum(harness.stats.profile[0].count[reason]) for reason in Reason)


def test_structural_reasons_ignore_the_mode(harness: Harness) -> None:
    harness.set_mode(Reason.HEADER_SPLIT, Mode.OFF)
    data = frames.good("ipv4-tcp")
    packet = harness.run_one(Frame(data[:40], length=len(data)))
    assert Reason(packet.reason) is Reason.HEADER_SPLIT
    assert_ledger(harness)


def test_swapped_profiles_are_in_force_with_the_next_burst(harness: Harness) -> None:
    assert Verdict(harness.run_one(LAND).verdict) is Verdict.DROP
    with PolicyTable(harness.library) as lenient:
        lenient.profile(0).mode[Reason.LAND] = Mode.OFF
        lenient.build(bytes(KEY_BYTES))
        harness.node.policy = lenient.address
        assert Verdict(harness.run_one(LAND).verdict) is Verdict.PASS


def test_stages_count_what_enters_and_what_they_drop(harness: Harness) -> None:
    split = Frame(LAND[:40], length=len(LAND))
    arp = bytes(frames.link("untagged", 0x0806)) + b"\0" * 28
    harness.run([frames.good("ipv4-tcp"), LAND, split, arp])
    counted = {Stage(i): (s.packets, s.dropped) for i, s in enumerate(harness.stats.stage)}
    assert counted == {
        Stage.PARSE: (4, 1),
        Stage.PROFILE: (2, 0),
        Stage.SANITY: (2, 1),
        Stage.OWNER: (1, 0),
        Stage.LISTS: (1, 0),
        Stage.COUNTRY: (1, 0),
        Stage.FILTER: (1, 0),
        Stage.LIMITS: (1, 0),
        Stage.CONNECTIONS: (1, 0),
        Stage.HTTP: (1, 0),
        Stage.FORWARD: (1, 0),
    }


def test_the_survivors_stay_in_order(harness: Harness) -> None:
    good = frames.good("ipv4-tcp")
    harness.run([good, LAND, good, LAND, LAND, good])
    assert list(harness.burst.live[: harness.burst.live_count]) == [0, 2, 5]


def test_cycles_are_measured_on_one_burst_in_64(harness: Harness) -> None:
    good = [frames.good("ipv4-tcp")] * 8
    for _ in range(2 * abi.SAMPLED_BURSTS):
        harness.run(good)
    for stage in harness.stats.stage:
        assert stage.packets == 2 * abi.SAMPLED_BURSTS * 8
        assert stage.sampled_packets == 2 * 8
        assert stage.sampled_cycles > 0


# --- samples --------------------------------------------------------------------------------------


def drain(harness: Harness) -> list[Element]:
    with Consumer(harness.library, *harness.events) as consumer:
        return list(iter(consumer.pop, None))


def test_a_drop_is_sampled_with_its_circumstances(harness: Harness) -> None:
    harness.listen()
    harness.run_one(Frame(LAND, Port.INSIDE))
    (element,) = drain(harness)
    assert element.kind == Message.DROP_SAMPLE
    sample = abi.DropSample.from_buffer_copy(element.payload)
    server = b"\0" * 10 + b"\xff\xff" + bytes([198, 51, 100, 10])
    assert bytes(sample.client) == bytes(sample.protected_address) == server
    assert (sample.boot_ds, sample.profile) == (1000, 0)
    assert Reason(sample.reason) is Reason.LAND
    assert Mode(sample.mode) is Mode.ENFORCE
    assert (Port(sample.port), sample.protocol) == (Port.INSIDE, 6)


def test_ipv6_and_unreadable_addresses_are_sampled(harness: Harness) -> None:
    harness.listen()
    land6 = frames.link("untagged") / frames.ip6(src=frames.SERVER6) / frames.udp()
    harness.run([bytes(land6), frames.good("ipv4-tcp")[:20]])
    six, unreadable = [abi.DropSample.from_buffer_copy(e.payload) for e in drain(harness)]
    assert bytes(six.client)[:4] == b"\x20\x01\x0d\xb8"
    assert bytes(unreadable.client) == bytes(16)


def test_monitor_mode_is_sampled_as_such(harness: Harness) -> None:
    harness.listen()
    harness.set_mode(Reason.LAND, Mode.MONITOR)
    harness.run_one(LAND)
    (element,) = drain(harness)
    assert abi.DropSample.from_buffer_copy(element.payload).mode == Mode.MONITOR


def test_structural_drops_are_sampled_too(harness: Harness) -> None:
    harness.listen()
    harness.run_one(Frame(LAND[:40], length=len(LAND)))
    (element,) = drain(harness)
    assert abi.DropSample.from_buffer_copy(element.payload).reason == Reason.HEADER_SPLIT


def test_one_sample_per_reason_and_tenth_of_a_second(harness: Harness) -> None:
    harness.listen()
    short = frames.good("ipv4-tcp")[:20]
    for boot_ds in (1000, 1000, 1001):
        harness.time.boot_ds = boot_ds
        harness.run([LAND, LAND, short, short])
    assert len(drain(harness)) == 2 * 2


def test_a_full_event_ring_is_counted_and_nothing_else_happens(harness: Harness) -> None:
    producer, _ = harness.listen()
    producer.cursor = abi.RING_SLOTS
    assert Reason(harness.run_one(LAND).reason) is Reason.LAND
    assert harness.stats.events_lost == 1


def test_a_listener_that_breaks_its_cursor_harms_nobody(harness: Harness) -> None:
    _, consumer = harness.listen()
    consumer.cursor = 1 << 63
    assert Reason(harness.run_one(LAND).reason) is Reason.LAND
    assert harness.stats.events_lost == 1


def test_nothing_is_lost_where_nobody_listens(harness: Harness) -> None:
    harness.listen()
    harness.lcore.events_consumer = 0
    harness.run_one(LAND)
    assert drain(harness) == []
    assert harness.stats.events_lost == 0

"""Every reason of the sanity stage: what it drops, what its modes do, what it lets through."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from scapy.layers.inet6 import ICMPv6ND_Redirect
from scapy.packet import Packet as Layer

from dataplane.native.abi import Mode, PacketFlag, Port, Reason, Stage, Verdict
from tests.native import broken_frames, frames
from tests.native.harness import Frame, Harness
from tests.native.ledger import assert_ledger

BROKEN = list(broken_frames.broken())
ALL_LINKS = sorted(frames.LINKS)


def broken_id(case: broken_frames.Broken) -> str:
    return f"{case.reason.name.lower()}-{case.name}".replace(" ", "-")


@pytest.mark.parametrize("mode", list(Mode), ids=lambda mode: mode.name.lower())
@pytest.mark.parametrize("link", ALL_LINKS)
@pytest.mark.parametrize("case", BROKEN, ids=broken_id)
def test_a_mode_decides_what_a_reason_does(
    harness: Harness, case: broken_frames.Broken, link: str, mode: Mode
) -> None:
    data = case.make(link)
    harness.set_mode(case.reason, mode)
    packet = harness.run_one(data)
    dropped = mode is Mode.ENFORCE
    counts = harness.stats.profile[0].count[case.reason]
    assert Verdict(packet.verdict) is (Verdict.DROP if dropped else Verdict.PASS)
    assert Reason(packet.reason) is (Reason.NONE if mode is Mode.OFF else case.reason)
    assert list(counts) == [0, mode is Mode.MONITOR, dropped]
    assert harness.stats.port[Port.OUTSIDE].dropped[case.reason] == dropped
    assert bool(packet.flags & PacketFlag.WOULD_DROP) is (mode is Mode.MONITOR)
    assert harness.bytes_of(packet) == data
    assert_ledger(harness)


def test_every_selectable_reason_of_the_stage_has_a_case(harness: Harness) -> None:
    library = harness.library
    of_the_stage = {r for r in Reason if library.sb_reason_stage(r) == Stage.SANITY}
    inside_others = {Reason.INNER_MALFORMED}  # test_inner.py has its cases
    assert {case.reason for case in BROKEN} | inside_others == of_the_stage


@pytest.mark.parametrize("port", list(Port))
@pytest.mark.parametrize("link", ALL_LINKS)
@pytest.mark.parametrize("name", sorted(frames.GOOD))
def test_good_packets_pass(harness: Harness, name: str, link: str, port: Port) -> None:
    data = frames.good(name, link)
    packet = harness.run_one(Frame(data, port))
    assert Verdict(packet.verdict) is Verdict.PASS, Reason(packet.reason)
    assert not packet.flags & PacketFlag.WOULD_DROP
    assert harness.bytes_of(packet) == data


@pytest.mark.parametrize("name", ["ipv4-tcp", "ipv4-udp", "ipv4-udp-empty", "ipv4-icmp"])
def test_ethernet_padding_is_no_anomaly(harness: Harness, name: str) -> None:
    packet = harness.run_one(frames.good(name) + b"\0" * 30)
    assert Verdict(packet.verdict) is Verdict.PASS


LENGTH_MATTERS = {
    Reason.ETHERNET_TRUNCATED,
    Reason.VLAN_DEPTH,
    Reason.IP_TRUNCATED,
    Reason.IP_LENGTH,
}


@pytest.mark.parametrize(
    "case", [case for case in BROKEN if case.reason not in LENGTH_MATTERS], ids=broken_id
)
def test_ethernet_padding_hides_no_anomaly(harness: Harness, case: broken_frames.Broken) -> None:
    """Padded frames are long enough for the fast path."""
    packet = harness.run_one(case.make("untagged") + b"\0" * 30)
    assert Reason(packet.reason) is case.reason


def test_a_checksum_the_nic_has_verified_is_not_checked_again(harness: Harness) -> None:
    data = bytes(frames.link("untagged") / frames.ip4(chksum=1) / frames.tcp())
    packet = harness.run_one(Frame(data, flags=PacketFlag.CHECKSUM_GOOD))
    assert Verdict(packet.verdict) is Verdict.PASS


def test_a_reason_that_is_off_does_not_shield_from_the_next(harness: Harness) -> None:
    data = bytes(frames.link("untagged") / frames.ip4(src="127.0.0.1") / frames.udp(len=7))
    harness.set_mode(Reason.UDP_LENGTH, Mode.OFF)
    assert Reason(harness.run_one(data).reason) is Reason.SOURCE_LOOPBACK


@pytest.mark.parametrize("mode", [Mode.OFF, Mode.MONITOR])
@pytest.mark.parametrize(
    ("layers", "reason"),
    [
        (frames.ip4(src="224.0.0.1", dst="224.0.0.1"), Reason.SOURCE_MULTICAST),
        (frames.ip4(src="127.0.0.1", dst="127.0.0.1"), Reason.SOURCE_LOOPBACK),
        (frames.ip4(src="255.255.255.255", dst="255.255.255.255"), Reason.SOURCE_BROADCAST),
        (frames.ip6(src="ff02::1", dst="ff02::1"), Reason.SOURCE_MULTICAST),
        (frames.ip6(src="::1", dst="::1"), Reason.SOURCE_LOOPBACK),
    ],
)
def test_land_that_is_let_through_does_not_shield_a_bad_source(
    harness: Harness, layers: Layer, reason: Reason, mode: Mode
) -> None:
    harness.set_mode(Reason.LAND, mode)
    packet = harness.run_one(bytes(frames.link("untagged") / layers / frames.udp()))
    assert Reason(packet.reason) is reason
    assert harness.stats.profile[0].count[Reason.LAND][Mode.MONITOR] == (mode is Mode.MONITOR)


def test_only_the_first_hit_of_a_packet_is_counted_in_monitor_mode(harness: Harness) -> None:
    data = bytes(frames.link("untagged") / frames.ip4(src="127.0.0.1") / frames.udp(len=7))
    for reason in Reason:
        harness.set_mode(reason, Mode.MONITOR)
    harness.run_one(data)
    counts = harness.stats.profile[0].count
    assert {r: counts[r][Mode.MONITOR] for r in Reason if counts[r][Mode.MONITOR]} == {
        Reason.UDP_LENGTH: 1
    }


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("flags", range(256))
def test_tcp_flags_follow_the_rule(harness: Harness, flags: int, family: int) -> None:
    fin, syn, rst, ack = (bool(flags & bit) for bit in (1, 2, 4, 16))
    lie = (syn and (fin or rst)) or (fin and rst) or not (syn or rst or ack)
    network = frames.ip4() if family == 4 else frames.ip6()
    packet = harness.run_one(bytes(frames.link("untagged") / network / frames.tcp(flags)))
    assert Reason(packet.reason) is (Reason.TCP_FLAGS if lie else Reason.NONE)


@pytest.mark.parametrize(
    "make",
    [
        lambda: frames.ip4() / frames.ICMP(type=5, code=1) / frames.ip4() / frames.udp(),
        lambda: frames.ip6() / ICMPv6ND_Redirect(),
    ],
    ids=["ipv4", "ipv6"],
)
def test_a_redirect_from_inside_passes(harness: Harness, make: Callable[[], Layer]) -> None:
    """Routers behind the node may say it to hosts in front of them."""
    packet = harness.run_one(Frame(bytes(frames.link("untagged") / make()), Port.INSIDE))
    assert Verdict(packet.verdict) is Verdict.PASS


@pytest.mark.parametrize(
    "layers",
    [
        frames.ip4(src="0.0.0.0") / frames.udp(),
        frames.ip4(src="240.0.0.1") / frames.udp(),
        frames.ip4(src="1.0.0.0") / frames.tcp(),
        frames.ip4(src="223.255.255.255") / frames.tcp(),
        frames.ip6(src="::") / frames.udp(),
        frames.ip6(src="::2") / frames.tcp(),
        frames.ip6(src="1::") / frames.tcp(),
        frames.ip6(src="::1:0:0") / frames.tcp(),
    ],
)
def test_only_tcp_needs_an_address_that_a_host_can_have(harness: Harness, layers: Layer) -> None:
    packet = harness.run_one(bytes(frames.link("untagged") / layers))
    assert Reason(packet.reason) is Reason.NONE


def test_options_that_are_cut_short_end_the_search(harness: Harness) -> None:
    """A length of 0 or 1, or none at all, ends it; it must not run on, nor in circles."""
    for options in (
        b"\x44\x00\x83\x03",
        b"\x44\x01\x83\x03",
        b"\x01\x01\x01\x44",
        b"\0\x83\x03\x04",
    ):
        frame = bytearray(frames.good("ipv4-options"))
        frame[34:42] = options.ljust(8, b"\x44" if options[-1] == 0x44 else b"\0")
        data = frames.with_right_checksum(bytes(frame), 14)
        assert Verdict(harness.run_one(data).verdict) is Verdict.PASS


def test_a_checksum_is_right_in_exactly_one_way(harness: Harness) -> None:
    right = frames.good("ipv4-tcp")
    for bit in range(16):
        wrong = bytearray(right)
        wrong[24 + bit // 8] ^= 1 << bit % 8
        assert Reason(harness.run_one(bytes(wrong)).reason) is Reason.IP_CHECKSUM
    assert Verdict(harness.run_one(right).verdict) is Verdict.PASS

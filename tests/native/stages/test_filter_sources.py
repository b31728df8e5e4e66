"""Sources that nobody on the internet has, and IP protocols that a profile does not take."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from scapy.packet import Packet as Layer
from scapy.packet import Raw

from dataplane.native import abi
from dataplane.native.abi import Mode, Port, Reason, Use, Verdict
from dataplane.policy.rules.packets.protocols import ProtocolsRule
from tests.native import frames
from tests.native.harness import Frame, Harness

BOGONS = (
    *("0.0.0.1", "10.255.255.255", "100.64.0.0", "100.127.255.255", "169.254.0.1", "172.31.0.1"),
    *("192.0.0.8", "192.0.2.1", "192.168.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1"),
    *("240.0.0.1", "::2", "64:ff9b:1::1", "64:ff9b::1:0:0", "100::1", "1fff::", "2001:2::1"),
    *("2001:10::1", "2001:db8:ffff::", "3fff::1", "3fff:fff::1", "4000::", "5f00::1", "fc00::1"),
    *("fd00::1", "fec0::1", "::ffff:8.8.8.8"),
)
HONEST = (
    *("1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "169.253.0.1"),
    *("172.15.0.1", "172.32.0.0", "192.0.0.9", "192.0.0.10", "192.0.1.0", "198.20.0.0"),
    *("223.255.255.255", "2000::", "2001::1", "2001:2:1::", "2001:20::", "2001:db7:ffff::"),
    *("2001:db9::", "2002:808:808::1", "3ffe::1", "3fff:1000::", "64:ff9b::808:808"),
)
PROTOCOLS: dict[int, Callable[[], Layer]] = {
    47: lambda: frames.ip4(proto=47) / Raw(b"\0" * 8),
    4: lambda: frames.ip4(proto=4) / frames.ip4() / frames.udp(),
    41: lambda: frames.ip4(proto=41) / frames.ip6() / frames.udp(),
    132: lambda: frames.ip6(nh=132) / Raw(b"\0" * 16),
    51: lambda: frames.ip4(proto=51) / Raw(b"\x06\x04" + b"\0" * 22),
    17: lambda: frames.ip6() / frames.IPv6ExtHdrDestOpt() / frames.udp(),
}


def use(harness: Harness, fill: Callable[[abi.Profile], None]) -> None:
    harness.use_policy(lambda table: fill(table.add(0)))


def set_bogons(profile: abi.Profile) -> None:
    profile.uses |= Use.BOGONS


def from_address(source: str) -> bytes:
    make = frames.ip6 if ":" in source else frames.ip4
    return bytes(frames.link("untagged") / make(src=source) / frames.udp())


@pytest.mark.parametrize("source", BOGONS)
def test_a_special_purpose_source_is_refused_from_outside(harness: Harness, source: str) -> None:
    assert Reason(harness.run_one(from_address(source)).reason) is Reason.NONE
    use(harness, set_bogons)
    assert Reason(harness.run_one(from_address(source)).reason) is Reason.BOGONS
    inside = harness.run_one(Frame(from_address(source), Port.INSIDE))
    assert Reason(inside.reason) is Reason.NONE


@pytest.mark.parametrize("source", HONEST)
def test_an_address_of_the_internet_is_no_bogon(harness: Harness, source: str) -> None:
    use(harness, set_bogons)
    assert Reason(harness.run_one(from_address(source)).reason) is Reason.NONE


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("link", sorted(frames.LINKS))
@pytest.mark.parametrize("protocol", sorted(PROTOCOLS))
def test_a_protocol_is_refused_as_its_mode_says(
    harness: Harness, protocol: int, link: str, mode: Mode
) -> None:
    def fill(profile: abi.Profile) -> None:
        ProtocolsRule(type="protocols", deny=(protocol,)).fill(profile, 1)
        profile.mode[Reason.PROTOCOLS] = mode

    use(harness, fill)
    packet = harness.run_one(bytes(frames.link(link) / PROTOCOLS[protocol]()))
    assert Reason(packet.reason) is (Reason.NONE if mode is Mode.OFF else Reason.PROTOCOLS)
    assert (packet.verdict == Verdict.DROP) is (mode is Mode.ENFORCE)
    counts = harness.stats.profile[0].count[Reason.PROTOCOLS]
    assert list(counts) == [0, mode is Mode.MONITOR, mode is Mode.ENFORCE]


def test_only_those_protocols_pass_that_are_named(harness: Harness) -> None:
    rule = ProtocolsRule(type="protocols", allow=("tcp", "icmp", "gre"))
    use(harness, lambda profile: rule.fill(profile, 1))
    assert Reason(harness.run_one(frames.good("ipv4-tcp")).reason) is Reason.NONE
    assert Reason(harness.run_one(frames.good("ipv4-gre")).reason) is Reason.NONE
    assert Reason(harness.run_one(frames.good("ipv4-udp")).reason) is Reason.PROTOCOLS
    assert Reason(harness.run_one(frames.good("ipv6-icmp")).reason) is Reason.PROTOCOLS

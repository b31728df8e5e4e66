"""What is of the link: known by its kind, counted, limited, and what a profile refuses of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from scapy.layers.inet import IP, TCP, UDP, IPOption_Router_Alert
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment
from scapy.packet import Packet as Layer
from scapy.packet import Raw

from dataplane.native import abi
from dataplane.native.abi import Link, Mode, PacketFlag, Port, Reason, Stage, Use, Verdict
from dataplane.tables.policy_table import PolicyTable
from tests.native import frames
from tests.native.harness import Frame, Harness
from tests.native.ledger import assert_ledger

ROUTER, NEIGHBOUR = "10.0.0.1", "10.0.0.2"
FASTPATH = Path(__file__).parents[3] / "dataplane" / "fastpath"


def ip(dst: str, ttl: int, proto: int = 17, **fields: object) -> Layer:
    return IP(**{"src": ROUTER, "dst": dst, "ttl": ttl, "proto": proto} | fields)


def to_port(port: int) -> Layer:
    return UDP(sport=49152, dport=port) / Raw(b"\0" * 24)


ROUTING: dict[str, tuple[Link, Callable[[], Layer]]] = {
    "ospf hello": (Link.OSPF, lambda: ip("224.0.0.5", 1, 89) / Raw(b"\2\1" + b"\0" * 42)),
    "vrrp": (Link.VRRP, lambda: ip("224.0.0.18", 255, 112) / Raw(b"\x31" + b"\0" * 11)),
    "eigrp": (Link.EIGRP, lambda: ip("224.0.0.10", 1, 88) / Raw(b"\0" * 20)),
    "pim": (Link.PIM, lambda: ip("224.0.0.13", 1, 103) / Raw(b"\x20" + b"\0" * 8)),
    "rip": (Link.RIP, lambda: ip("224.0.0.9", 1) / to_port(520)),
    "hsrp": (Link.HSRP, lambda: ip("224.0.0.2", 1) / to_port(1985)),
    "hsrp 2": (Link.HSRP, lambda: ip("224.0.0.102", 255) / to_port(1985)),
    "ldp hello": (Link.LDP, lambda: ip("224.0.0.2", 1) / to_port(646)),
    "igmp": (
        Link.IGMP,
        lambda: ip("224.0.0.22", 1, 2, options=[IPOption_Router_Alert()]) / Raw(b"\x22" * 8),
    ),
    "igmp 2 to its group": (Link.IGMP, lambda: ip("239.1.2.3", 1, 2) / Raw(b"\x16" * 8)),
    "ospf fragment": (Link.OSPF, lambda: ip("224.0.0.5", 1, 89, frag=100) / Raw(b"\0" * 16)),
    "bfd": (Link.BFD, lambda: ip(NEIGHBOUR, 255) / to_port(3784)),
    "bfd echo": (Link.BFD_ECHO, lambda: ip(NEIGHBOUR, 255) / to_port(3785)),
    "bfd of an aggregate": (Link.BFD_LAG, lambda: ip(NEIGHBOUR, 255) / to_port(6784)),
    "bgp": (Link.BGP, lambda: ip(NEIGHBOUR, 255, 6) / TCP(dport=179)),
    "bgp answered": (Link.BGP, lambda: ip(NEIGHBOUR, 255, 6) / TCP(sport=179, flags="SA")),
    "bfd 6": (Link.BFD, lambda: IPv6(dst=frames.SERVER6, hlim=255) / to_port(3784)),
    "bgp 6": (Link.BGP, lambda: IPv6(dst=frames.SERVER6, hlim=255) / TCP(dport=179)),
    "ospf 6": (Link.LINK_LOCAL, lambda: IPv6(src="fe80::1", dst="ff02::5", nh=89) / Raw(b"\3\1")),
}
FROM_AFAR: dict[str, Callable[[], Layer]] = {
    "ospf through a router": lambda: ip("224.0.0.5", 64, 89) / Raw(b"\0" * 44),
    "ospf to a host": lambda: ip(NEIGHBOUR, 1, 89) / Raw(b"\0" * 44),
    "ospf beyond the block": lambda: ip("224.0.1.5", 1, 89) / Raw(b"\0" * 44),
    "gre to the link": lambda: ip("224.0.0.5", 1, 47) / Raw(b"\0" * 44),
    "other port to the link": lambda: ip("224.0.0.9", 1) / to_port(5353),
    "from rip's port": lambda: ip("224.0.0.9", 1) / UDP(sport=520, dport=521),
    "igmp through a router": lambda: ip("239.1.2.3", 2, 2) / Raw(b"\x16" * 8),
    "igmp to a host": lambda: ip(NEIGHBOUR, 1, 2) / Raw(b"\x16" * 8),
    "bfd through a router": lambda: ip(NEIGHBOUR, 254) / to_port(3784),
    "from bfd's port": lambda: ip(NEIGHBOUR, 255) / UDP(sport=3784, dport=53),
    "bgp through a router": lambda: ip(NEIGHBOUR, 254, 6) / TCP(dport=179),
    "web of a neighbour": lambda: ip(NEIGHBOUR, 255, 6) / TCP(dport=80),
    "bgp 6 through a router": lambda: IPv6(dst=frames.SERVER6, hlim=254) / TCP(dport=179),
    "fragment of bgp": lambda: (
        IPv6(dst=frames.SERVER6, hlim=255) / IPv6ExtHdrFragment(offset=99, nh=6) / Raw(b"x" * 20)
    ),
}
OTHERS = {
    "mpls": (0x8847, Link.OTHER_MPLS),
    "pppoe": (0x8864, Link.OTHER_PPPOE),
    "macsec": (0x88E5, Link.OTHER_MACSEC),
    "a third tag": (0x9200, Link.OTHER_ANY),
    "llc": (0x0026, Link.OTHER_LLC),
}
CONTROL = {
    "arp": (0x0806, "ffffffffffff", Link.ARP),
    "lldp": (0x88CC, "0180c200000e", Link.LLDP),
    "lacp": (0x8809, "0180c2000002", Link.SLOW),
    "eapol": (0x888E, "0180c2000003", Link.EAPOL),
    "pause": (0x8808, "0180c2000001", Link.FLOW_CONTROL),
    "ptp": (0x88F7, "011b19000000", Link.PTP),
    "cfm": (0x8902, "0180c2000030", Link.CFM),
    "stp": (0x0026, "0180c2000000", Link.BRIDGE),
    "isis": (0x05D4, "0180c2000014", Link.ISIS),
    "cdp": (0x0100, "01000ccccccc", Link.CISCO),
}


PAYLOAD = bytes.fromhex("1100c1c1002800fd") + b"\x42" * 38
"""Also the payload of a PPPoE session that is not IP, and of a label stack."""


def frame(ethertype: int, station: str = "020000000002") -> bytes:
    return bytes.fromhex(station) + b"\2" * 6 + ethertype.to_bytes(2, "big") + PAYLOAD


def assert_passes(harness: Harness, one: Frame, link: Link) -> None:
    packet = harness.run_one(one)
    assert (Verdict(packet.verdict), Link(packet.link)) == (Verdict.PASS, link)
    assert packet.flags & PacketFlag.LINK_SCOPE
    assert harness.burst.live_count == 0
    assert harness.stats.link[one.port][link] == 1
    assert sum(map(sum, harness.stats.link)) == 1
    assert harness.bytes_of(packet) == one.data


@pytest.mark.parametrize("port", list(Port))
@pytest.mark.parametrize("link", sorted(frames.LINKS))
@pytest.mark.parametrize("name", sorted(ROUTING))
def test_routers_on_both_sides_find_one_another(
    harness: Harness, name: str, link: str, port: Port
) -> None:
    kind, make = ROUTING[name]
    assert_passes(harness, Frame(bytes(frames.link(link) / make()), port), kind)


@pytest.mark.parametrize("link", sorted(frames.LINKS))
@pytest.mark.parametrize("name", sorted(FROM_AFAR))
def test_what_may_have_come_through_a_router_is_judged(
    harness: Harness, name: str, link: str
) -> None:
    packet = harness.run_one(bytes(frames.link(link) / FROM_AFAR[name]()))
    assert not packet.flags & PacketFlag.LINK_SCOPE
    assert harness.burst.live_count == 1
    assert sum(map(sum, harness.stats.link)) == 0


@pytest.mark.parametrize("name", sorted(CONTROL))
def test_control_of_the_link_is_known_by_ethertype_or_station(harness: Harness, name: str) -> None:
    ethertype, station, link = CONTROL[name]
    assert_passes(harness, Frame(frame(ethertype, station)), link)


@pytest.mark.parametrize("name", sorted(OTHERS))
def test_all_else_that_is_not_ip_is_counted_apart(harness: Harness, name: str) -> None:
    ethertype, link = OTHERS[name]
    assert_passes(harness, Frame(frame(ethertype)), link)


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize(
    ("one", "reason", "most"),
    [
        (frame(0x0806), Reason.LINK_LIMIT, abi.LINK_CONTROL_PPS_MAX),
        (
            bytes(frames.link("vlan") / ROUTING["rip"][1]()),
            Reason.LINK_LIMIT,
            abi.LINK_CONTROL_PPS_MAX,
        ),
        (
            bytes(frames.link("untagged") / ROUTING["bgp 6"][1]()),
            Reason.LINK_LIMIT,
            abi.LINK_CONTROL_PPS_MAX,
        ),
        (frame(0x8847), Reason.NON_IP_LIMIT, abi.LINK_OTHER_PPS_MAX),
    ],
    ids=["arp", "rip", "bgp", "mpls"],
)
def test_a_second_passes_so_much_of_a_kind(
    harness: Harness, one: bytes, reason: Reason, most: int, mode: Mode
) -> None:
    harness.set_mode(reason, mode)
    harness.time.tsc = 10**12
    for at in range(0, most, 25):
        assert all(p.verdict == Verdict.PASS for p in harness.run([one] * 25)), at
    packet = harness.run_one(one)
    assert Verdict(packet.verdict) is (Verdict.DROP if mode is Mode.ENFORCE else Verdict.PASS)
    counts = harness.stats.profile[0].count[reason]
    assert list(counts) == [0, mode is Mode.MONITOR, mode is Mode.ENFORCE]
    assert harness.stats.stage[Stage.PARSE].dropped == (mode is Mode.ENFORCE)
    assert harness.run_one(Frame(one, Port.INSIDE)).verdict == Verdict.PASS
    assert harness.run_one(frame(0x88CC)).verdict == Verdict.PASS
    harness.time.tsc += 10**9 // most + 1
    assert harness.run_one(one).verdict == Verdict.PASS


def refuse(profile: abi.Profile, *ranges: tuple[int, int], is_deny: bool) -> None:
    profile.uses |= Use.ETHERTYPES
    profile.ethertypes.is_deny, profile.ethertypes.count = is_deny, len(ranges)
    for place, (first, last) in zip(profile.ethertypes.range, ranges, strict=False):
        place.first, place.last = first, last


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize(
    "tags", [b"", bytes.fromhex("81000007"), bytes.fromhex("88a8000581000007")]
)
def test_an_ethertype_is_refused_as_its_mode_says(
    harness: Harness, tags: bytes, mode: Mode
) -> None:
    def fill(table: PolicyTable) -> None:
        profile = table.add(0)
        profile.mode[Reason.ETHERTYPES] = mode
        refuse(profile, (0x8847, 0x8848), is_deny=True)

    harness.use_policy(fill)
    data = frame(0x8848)
    packet = harness.run_one(data[:12] + tags + data[12:])
    assert_ledger(harness)
    assert Verdict(packet.verdict) is (Verdict.DROP if mode is Mode.ENFORCE else Verdict.PASS)
    counts = harness.stats.profile[0].count[Reason.ETHERTYPES]
    assert list(counts) == [0, mode is Mode.MONITOR, mode is Mode.ENFORCE]
    assert harness.run_one(frame(0x8864)).verdict == Verdict.PASS
    assert harness.run_one(Frame(data, Port.INSIDE)).verdict == Verdict.PASS


def test_a_profile_that_takes_no_ethertype_takes_control_of_the_link(harness: Harness) -> None:
    harness.use_policy(lambda table: refuse(table.add(0), is_deny=False))
    for ethertype, station, _ in CONTROL.values():
        assert harness.run_one(frame(ethertype, station)).verdict == Verdict.PASS
    for ethertype, _ in OTHERS.values():
        assert Reason(harness.run_one(frame(ethertype)).reason) is Reason.ETHERTYPES
    assert harness.run_one(frames.good("ipv4-tcp")).verdict == Verdict.PASS


def rows() -> list[tuple[str, str, str]]:
    """Name, rule and text of each row of the table."""
    text = (FASTPATH / "include" / "defs" / "link.def").read_text()
    pattern = r'^SB_LINK(?:_PROTOCOL)?\((\w+), (\w+), \w+, \w+, "(.*)"\)$'
    return re.findall(pattern, text, re.MULTILINE)


def test_the_readme_lists_every_kind() -> None:
    readme = (FASTPATH / "README.md").read_text()
    assert [name for name, _, _ in rows()] == [link.name for link in Link]
    for name, _, text in rows()[1:]:
        row = f"| `{name.lower()}` | {text} |"
        assert row in readme, row


def test_what_is_no_control_says_so_in_its_name() -> None:
    """The alert goes by it."""
    assert {name for name, rule, _ in rows() if rule == "OTHER"} == {
        link.name for link in Link if link.name.startswith("OTHER_")
    }

"""IP packets inside VXLAN and GRE: a profile of the endpoint judges them, refuses them or not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.l2 import ARP, Ether

from dataplane.base.networks import Network
from dataplane.native.abi import (
    Encapsulation,
    Inside,
    ListKind,
    Mode,
    PacketFlag,
    Port,
    Reason,
    Stage,
    Unit,
    Use,
    Verdict,
)
from dataplane.tables.lists import Lists, pack
from dataplane.tables.policy_table import PolicyTable
from tests.native import broken_frames, frames
from tests.native.encapsulated import (
    SENDER4,
    gre,
    in_gre,
    in_mpls,
    in_pppoe,
    in_vxlan,
    split,
    tunnelled,
    vxlan,
)
from tests.native.harness import Frame, Harness
from tests.native.ledger import assert_ledger
from tests.native.stages.limits.limits_support import buckets, dropped, put_limit
from tests.native.stages.tunnels.tunnels_support import (
    ENDPOINT,
    KIND_OF,
    WRAPS,
    assert_outer,
    put_endpoint,
    reason_of,
    saying,
)

# --- judged ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", list(Port))
@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("link", sorted(frames.LINKS))
@pytest.mark.parametrize("wrap", list(WRAPS))
@pytest.mark.parametrize("name", sorted(frames.GOOD))
def test_a_good_packet_inside_is_forwarded_as_it_came(
    judging: Harness, name: str, wrap: str, link: str, version: int, side: Port
) -> None:
    inside = frames.good(name, link)
    bare = judging.run_one(Frame(inside, side))
    found = bare.ip_version, bare.protocol, bare.anomaly
    data = WRAPS[wrap](inside, side=side, version=version)
    moved = len(data) - len(inside)
    l3, l4 = bare.l3_offset + moved, bare.l4_offset
    judging.reset_stats()
    packet = judging.run_one(Frame(data, side))
    assert (Verdict(packet.verdict), judging.burst.live_count) == (Verdict.PASS, 1)
    assert PacketFlag.INNER in PacketFlag(packet.flags)
    assert (packet.ip_version, packet.protocol, packet.anomaly) == found
    assert (packet.l3_offset, packet.l4_offset) == (l3, l4 + moved if l4 else 0)
    assert packet.profile == 0
    assert (packet.vlan_count, packet.vlan_id) == (0, 0)
    assert judging.bytes_of(packet) == data
    assert judging.stats.inner[side][KIND_OF[wrap]] == 1
    assert_ledger(judging)


@pytest.mark.parametrize("wrap", ["vxlan", "gre-bridged"])
@pytest.mark.parametrize("link", sorted(frames.LINKS))
@pytest.mark.parametrize("case", list(broken_frames.broken()), ids=lambda case: case.name)
def test_a_broken_packet_inside_is_dropped_as_outside(
    judging: Harness, case: broken_frames.Broken, link: str, wrap: str
) -> None:
    assert reason_of(judging, WRAPS[wrap](case.make(link))) is case.reason


@pytest.mark.parametrize("wrap", list(WRAPS))
@pytest.mark.parametrize("name", ["ipv4-udp", "ipv6-tcp", "ipv4-fragment-later", "ipv6-extensions"])
def test_a_banned_source_inside_is_dropped(
    judging: Harness, banned: Lists, name: str, wrap: str
) -> None:
    """Though the sender of the tunnel is on the allowlist."""
    data = WRAPS[wrap](frames.good(name))
    assert reason_of(judging, data) is Reason.BLACKLIST
    assert judging.stats.stage[Stage.LISTS].dropped == 1
    assert judging.stats.port[Port.OUTSIDE].dropped_bytes == len(data)
    back = WRAPS[wrap](frames.good(name), side=Port.INSIDE)
    assert judging.run_one(Frame(back, Port.INSIDE)).verdict == Verdict.PASS
    network = Network.parse(frames.CLIENT4 if name.startswith("ipv4") else frames.CLIENT6)
    entry = banned.get(network.key, network.prefix_length, ListKind.BLACKLIST)
    assert entry is not None
    assert entry.hits == 1


@pytest.mark.parametrize("wrap", list(WRAPS))
def test_other_packets_of_the_burst_are_judged_once(
    judging: Harness, banned: Lists, wrap: str
) -> None:
    """Some before and some behind the tunnel's, in their order."""
    bare = [
        bytes(frames.link("untagged") / IP(src=f"192.0.2.{i}", dst=frames.SERVER4) / UDP())
        for i in range(1, 5)
    ]
    bad, good = WRAPS[wrap](frames.good("ipv4-udp")), WRAPS[wrap](bare[0])
    burst = [bare[0], bad, bare[1], good, bad, bare[2], bare[3]]
    judging.reset_stats()
    judging.run(burst)
    assert list(judging.burst.live[: judging.burst.live_count]) == [0, 2, 3, 5, 6]
    assert judging.stats.port[Port.OUTSIDE].dropped[Reason.BLACKLIST] == 2
    assert_ledger(judging)


@pytest.mark.parametrize("wrap", list(WRAPS))
def test_the_profile_of_the_inner_destination_judges(harness: Harness, wrap: str) -> None:
    def fill(table: PolicyTable) -> None:
        put_endpoint(table)
        profile = table.add(2)
        profile.uses |= Use.PORTS_TCP
        profile.ports_tcp.count, profile.ports_tcp.is_deny = 1, True
        profile.ports_tcp.range[0].first = profile.ports_tcp.range[0].last = 80
        network = Network.parse(frames.SERVER4)
        table.target(network.key, network.prefix_length, 2)

    harness.use_policy(fill)
    assert reason_of(harness, WRAPS[wrap](frames.good("ipv4-tcp"))) is Reason.PORTS_TCP
    assert harness.burst.packets[0].profile == 2
    assert reason_of(harness, WRAPS[wrap](frames.good("ipv6-tcp"))) is Reason.NONE


@pytest.mark.parametrize("unit", [Unit.PACKETS, Unit.CONNECTIONS])
@pytest.mark.parametrize("wrap", list(WRAPS))
def test_a_source_pays_for_what_it_sends_inside(harness: Harness, wrap: str, unit: Unit) -> None:
    """The limit is of the default profile; the sender of the tunnel has none."""
    reason = Reason[f"RATE_SOURCE_{unit.name}"]

    def fill(table: PolicyTable) -> None:
        put_endpoint(table)
        put_limit(table.profile(0), reason, 1, 3, unit=unit)

    with buckets(harness):
        harness.use_policy(fill)
        harness.run([WRAPS[wrap](frames.good("ipv4-tcp"))] * 5)
        assert dropped(harness, reason) == 2


@pytest.mark.parametrize("wrap", list(WRAPS))
def test_a_reason_that_was_counted_outside_is_not_counted_inside(
    harness: Harness, banned: Lists, wrap: str
) -> None:
    """A monitored packet counts once: by its first reason."""

    def fill(table: PolicyTable) -> None:
        profile = put_endpoint(table)
        profile.uses |= Use.BOGONS
        profile.mode[Reason.BOGONS] = table.profile(0).mode[Reason.BLACKLIST] = Mode.MONITOR

    harness.node.lists = banned.address
    harness.use_policy(fill)
    banned.put(pack([(*Network.parse(SENDER4), ListKind.ALLOWLIST, 1)]))
    banned.commit()
    assert reason_of(harness, WRAPS[wrap](frames.good("ipv4-tcp"))) is Reason.BOGONS
    assert harness.stats.profile[ENDPOINT].count[Reason.BOGONS][Mode.MONITOR] == 1
    assert harness.stats.profile[0].count[Reason.BLACKLIST][Mode.MONITOR] == 0


@pytest.mark.parametrize("wrap", list(WRAPS))
@pytest.mark.parametrize("again", [in_mpls, in_pppoe])
def test_mpls_and_pppoe_inside_a_tunnel_are_judged(
    judging: Harness, banned: Lists, again: Callable[[bytes], bytes], wrap: str
) -> None:
    assert reason_of(judging, WRAPS[wrap](again(frames.good("ipv4-tcp")))) is Reason.BLACKLIST


def test_a_checksum_that_the_nic_calls_good_is_that_of_the_outer_header(judging: Harness) -> None:
    broken = bytes(frames.link("untagged") / frames.ip4(chksum=0x1234) / frames.tcp())
    for wrap in WRAPS.values():
        flagged = Frame(wrap(broken), flags=PacketFlag.CHECKSUM_GOOD)
        assert reason_of(judging, flagged) is Reason.IP_CHECKSUM


# --- not judged -----------------------------------------------------------------------------------


def test_other_destinations_have_no_rule(judging: Harness, banned: Lists) -> None:
    other = frames.link("untagged") / IP(src=SENDER4, dst=frames.SERVER4, proto=47)
    _, ethertype, packet = split(frames.good("ipv4-tcp"))
    assert reason_of(judging, bytes(other / gre(packet, ethertype))) is Reason.NONE
    assert PacketFlag.INNER not in PacketFlag(judging.burst.packets[0].flags)


@pytest.mark.parametrize("wrap", list(WRAPS))
def test_a_profile_that_lets_tunnels_pass_does_not_look_inside(
    harness: Harness, banned: Lists, wrap: str
) -> None:
    harness.use_policy(saying(Inside.PASS))
    assert_outer(harness, WRAPS[wrap](frames.good("ipv4-tcp")), None)


@pytest.mark.parametrize(
    "frame",
    [
        bytes(Ether() / ARP(pdst="192.0.2.1")),
        bytes(frames.link("untagged") / frames.ip6(src="fe80::1", dst="ff02::1", nh=58)),
        bytes(12) + b"\x00\x20" + bytes(32),
    ],
    ids=["arp", "link-local", "llc"],
)
def test_a_frame_inside_that_is_of_its_own_link_passes(
    judging: Harness, banned: Lists, frame: bytes
) -> None:
    assert_outer(judging, in_vxlan(frame), Encapsulation.VXLAN)
    assert_outer(judging, in_gre(frame, bridged=True), Encapsulation.GRE)


def test_a_keepalive_passes(judging: Harness) -> None:
    assert_outer(judging, tunnelled(gre(b"", 0), 47), Encapsulation.GRE)


@pytest.mark.parametrize("wrap", list(WRAPS))
def test_nothing_else_inside_is_link_control(judging: Harness, banned: Lists, wrap: str) -> None:
    bgp = bytes(frames.link("untagged") / IP(src=frames.CLIENT4, ttl=255) / TCP(dport=179))
    assert reason_of(judging, WRAPS[wrap](bgp)) is Reason.BLACKLIST


def test_vxlan_is_known_by_its_port(harness: Harness, banned: Lists) -> None:
    harness.use_policy(saying(Inside.JUDGE, port=8472))
    frame = frames.good("ipv4-tcp")
    assert reason_of(harness, tunnelled(vxlan(frame, port=8472), 17)) is Reason.BLACKLIST
    assert_outer(harness, in_vxlan(frame), None)
    answer = bytearray(vxlan(frame, port=8472))
    answer[:4] = answer[2:4] + answer[:2]
    assert_outer(harness, tunnelled(bytes(answer), 17), None)


# --- refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("wrap", list(WRAPS))
def test_a_profile_may_refuse_tunnels(
    harness: Harness, banned: Lists, wrap: str, mode: Mode
) -> None:
    """If the rule only monitors, what is inside is judged."""
    harness.use_policy(saying(Inside.REFUSE, mode=mode))
    expected = Reason.INNER_REFUSED if mode is Mode.ENFORCE else Reason.BLACKLIST
    assert reason_of(harness, WRAPS[wrap](frames.good("ipv4-tcp"))) is expected
    counts = harness.stats.profile[ENDPOINT].count[Reason.INNER_REFUSED]
    assert list(counts) == [0, mode is Mode.MONITOR, mode is Mode.ENFORCE]
    back = WRAPS[wrap](frames.good("ipv4-tcp"), side=Port.INSIDE)
    assert harness.run_one(Frame(back, Port.INSIDE)).verdict == Verdict.PASS
    assert reason_of(harness, tunnelled(bytes(20), 132)) is Reason.NONE

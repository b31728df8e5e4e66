"""IP packets inside MPLS and PPPoE sessions: judged by what only drops, forwarded as they are."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

import pytest
from scapy.layers.inet import IP, TCP
from scapy.packet import Raw

from dataplane.base.networks import Network
from dataplane.native import abi
from dataplane.native.abi import (
    Encapsulation,
    Inside,
    Link,
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
from tests.native.encapsulated import PPP, good, in_mpls, in_pppoe, label_stack, session, split
from tests.native.harness import Frame, Harness
from tests.native.ledger import assert_ledger
from tests.native.stages.limits.limits_support import buckets, dropped, put_limit

LINKS = sorted(frames.LINKS)
KINDS = [Encapsulation.MPLS, Encapsulation.PPPOE]
OTHER = {Encapsulation.MPLS: Link.OTHER_MPLS, Encapsulation.PPPOE: Link.OTHER_PPPOE}
NEVER = 0xFFFFFFFF


@pytest.fixture
def banned(harness: Harness) -> Iterator[Lists]:
    """The two clients are."""
    with Lists(harness.library, 64, 64, 1, bytes(range(16))) as lists:
        harness.node.lists = lists.address
        for text in (frames.CLIENT4, frames.CLIENT6):
            network = Network.parse(text)
            entry = (network.key, network.prefix_length, ListKind.BLACKLIST, NEVER)
            assert lists.put(pack([entry])) == 0
        lists.commit()
        yield lists


def assert_judged(harness: Harness, one: Frame, kind: Encapsulation) -> abi.Packet:
    """It went through all stages, and was forwarded byte for byte."""
    packet = harness.run_one(one)
    assert (Verdict(packet.verdict), harness.burst.live_count) == (Verdict.PASS, 1)
    assert PacketFlag.INNER in PacketFlag(packet.flags)
    assert harness.bytes_of(packet) == one.data
    assert harness.stats.inner[one.port][kind] == 1
    assert sum(map(sum, harness.stats.link)) == 0
    return packet


def assert_unjudged(harness: Harness, data: bytes, link: Link) -> None:
    packet = harness.run_one(data)
    assert (Verdict(packet.verdict), Link(packet.link)) == (Verdict.PASS, link)
    assert PacketFlag.INNER not in PacketFlag(packet.flags)
    assert harness.burst.live_count == 0
    assert sum(map(sum, harness.stats.inner)) == 0


def reason_of(harness: Harness, data: bytes | Frame) -> Reason:
    harness.reset_stats()
    packet = harness.run_one(data)
    assert_ledger(harness)
    return Reason(packet.reason)


# --- judged ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("port", list(Port))
@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", sorted(frames.GOOD))
def test_a_good_packet_inside_is_forwarded_as_it_came(
    harness: Harness, name: str, kind: Encapsulation, link: str, port: Port
) -> None:
    bare = harness.run_one(Frame(frames.good(name, link), port))
    found = bare.ip_version, bare.protocol, bare.vlan_id, bare.vlan_count
    l3, l4 = bare.l3_offset, bare.l4_offset
    packet = assert_judged(harness, Frame(good(kind, name, link), port), kind)
    assert (packet.ip_version, packet.protocol, packet.vlan_id, packet.vlan_count) == found
    moved = len(good(kind, name, link)) - len(frames.good(name, link))
    assert packet.l3_offset == l3 + moved
    assert packet.l4_offset == (l4 + moved if l4 else 0)


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", list(broken_frames.broken()), ids=lambda case: case.name)
def test_a_broken_packet_inside_a_session_is_dropped_as_outside_of_it(
    harness: Harness, case: broken_frames.Broken, kind: Encapsulation, link: str
) -> None:
    """In MPLS, whatever does not look like IP is not taken for it: it passes, and is limited."""
    of_frame = {Reason.ETHERNET_TRUNCATED, Reason.VLAN_DEPTH}
    if kind is Encapsulation.MPLS:
        of_frame |= {Reason.IP_VERSION}  # no EtherType says another
    if case.reason in of_frame:
        return
    bare = case.make(link)
    data = in_pppoe(bare) if kind is Encapsulation.PPPOE else in_mpls(bare)
    found = reason_of(harness, data)
    is_frame = kind is Encapsulation.MPLS and sum(map(sum, harness.stats.link)) == 1
    assert found is (Reason.NONE if is_frame else case.reason)
    lengths = {
        *(Reason.IP_TRUNCATED, Reason.IP_HEADER_LENGTH, Reason.IP_LENGTH, Reason.IP_CHECKSUM),
    }
    assert not is_frame or case.reason in lengths


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["ipv4-udp", "ipv6-tcp", "ipv4-fragment-later", "ipv6-extensions"])
def test_a_banned_source_inside_is_dropped(
    harness: Harness, banned: Lists, name: str, kind: Encapsulation, link: str
) -> None:
    data = good(kind, name, link)
    assert reason_of(harness, data) is Reason.BLACKLIST
    assert harness.stats.stage[Stage.LISTS].dropped == 1
    assert harness.run_one(Frame(data, Port.INSIDE)).verdict == Verdict.PASS
    network = Network.parse(frames.CLIENT4 if name.startswith("ipv4") else frames.CLIENT6)
    entry = banned.get(network.key, network.prefix_length, ListKind.BLACKLIST)
    assert entry is not None
    assert entry.hits == 1


@pytest.mark.parametrize("kind", KINDS)
def test_the_profile_of_the_inner_destination_judges(
    harness: Harness, banned: Lists, kind: Encapsulation
) -> None:
    def fill(table: PolicyTable) -> None:
        table.add(1).mode[Reason.BLACKLIST] = Mode.OFF
        network = Network.parse(frames.SERVER4)
        table.target(network.key, network.prefix_length, 1)

    harness.use_policy(fill)
    assert harness.run_one(good(kind, "ipv4-udp")).verdict == Verdict.PASS
    assert harness.burst.packets[0].profile == 1
    assert banned.get(*Network.parse(frames.CLIENT4), ListKind.BLACKLIST) is not None


@pytest.mark.parametrize("kind", KINDS)
def test_filters_see_what_is_inside(harness: Harness, kind: Encapsulation) -> None:
    def fill(table: PolicyTable) -> None:
        profile = table.add(0)
        profile.uses |= Use.PORTS_TCP | Use.FRAGMENTS
        profile.ports_tcp.count, profile.ports_tcp.is_deny = 1, True
        profile.ports_tcp.range[0].first = profile.ports_tcp.range[0].last = 80

    harness.use_policy(fill)
    assert reason_of(harness, good(kind, "ipv6-tcp")) is Reason.PORTS_TCP
    assert reason_of(harness, good(kind, "ipv4-fragment-later")) is Reason.FRAGMENTS
    assert reason_of(harness, good(kind, "ipv4-udp")) is Reason.NONE


@pytest.mark.parametrize("unit", [Unit.PACKETS, Unit.CONNECTIONS])
@pytest.mark.parametrize("kind", KINDS)
def test_a_source_pays_for_what_it_sends_inside(
    harness: Harness, kind: Encapsulation, unit: Unit
) -> None:
    reason = Reason[f"RATE_SOURCE_{unit.name}"]
    with buckets(harness):
        harness.use_policy(lambda table: put_limit(table.add(0), reason, 1, 3, unit=unit))
        harness.run([good(kind, "ipv4-tcp")] * 5)
        assert dropped(harness, reason) == 2


# --- what the node would answer, or keep ----------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_inside_is_link_control_but_what_is_link_local(
    harness: Harness, kind: Encapsulation
) -> None:
    """A router at the other end of an encapsulation need not have changed the TTL."""
    bgp = bytes(frames.link("untagged") / IP(src=frames.CLIENT4, ttl=255) / TCP(dport=179))
    wrap = in_mpls if kind is Encapsulation.MPLS else in_pppoe
    assert_judged(harness, Frame(wrap(bgp)), kind)
    local = bytes(frames.link("untagged") / frames.ip6(src="fe80::1", dst="ff02::1", nh=58))
    packet = harness.run_one(wrap(local))
    assert (Verdict(packet.verdict), Link(packet.link)) == (Verdict.PASS, Link.LINK_LOCAL)
    routed = bytes(frames.link("untagged") / frames.ip6(src="fe80::1", nh=59))
    assert reason_of(harness, wrap(routed)) is Reason.SOURCE_LINK_LOCAL


def test_a_checksum_that_the_nic_calls_good_is_that_of_another_header(harness: Harness) -> None:
    broken = bytes(frames.link("untagged") / frames.ip4(chksum=0x1234) / frames.tcp())
    flagged = Frame(in_pppoe(broken), flags=PacketFlag.CHECKSUM_GOOD)
    assert reason_of(harness, flagged) is Reason.IP_CHECKSUM


# --- MPLS -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("ethertype", [0x8847, 0x8848])
@pytest.mark.parametrize("count", [1, 2, 15, 16])
def test_a_stack_may_have_sixteen_labels(harness: Harness, count: int, ethertype: int) -> None:
    data = in_mpls(frames.good("ipv4-tcp"), *[1000] * count, ethertype=ethertype)
    assert_judged(harness, Frame(data), Encapsulation.MPLS)


@pytest.mark.parametrize("count", [17, 40])
def test_a_deeper_stack_is_malformed(harness: Harness, count: int) -> None:
    data = in_mpls(frames.good("ipv4-tcp"), *[1000] * count)
    assert reason_of(harness, data) is Reason.INNER_MALFORMED
    assert harness.stats.stage[Stage.SANITY].dropped == 1
    harness.set_mode(Reason.INNER_MALFORMED, Mode.OFF)
    assert harness.run_one(data).verdict == Verdict.PASS


def test_a_stack_without_a_bottom_is_malformed(harness: Harness) -> None:
    endless = bytes(12) + b"\x88\x47" + struct.pack("!I", 1000 << 12) * 12
    assert reason_of(harness, endless) is Reason.INNER_MALFORMED
    assert reason_of(harness, endless[:18] + b"\0\0") is Reason.INNER_MALFORMED


@pytest.mark.parametrize("name", ["ipv4-tcp", "ipv6-tcp"])
@pytest.mark.parametrize("label", [0, 2])
def test_an_explicit_null_says_what_follows(harness: Harness, label: int, name: str) -> None:
    """RFC 3032, section 2.1."""
    fits = (label == 0) == name.startswith("ipv4")
    found = reason_of(harness, in_mpls(frames.good(name), 1000, label))
    assert found is (Reason.NONE if fits else Reason.IP_VERSION)


@pytest.mark.parametrize(
    "payload",
    [
        bytes(4) + bytes(60),  # a control word: RFC 4385, section 3
        b"\x10\x00\x00\x21" + bytes(60),  # an associated channel
        bytes.fromhex("4500deadbeef") + bytes(58),  # a station, as a pseudowire's frame begins
        bytes.fromhex("60a4b7ffff01") + bytes(58),
        b"\x45",
        b"\x60" + bytes(38),
        b"",
    ],
)
def test_what_is_not_ip_behind_the_labels_is_not_judged(harness: Harness, payload: bytes) -> None:
    data = bytes(12) + b"\x88\x47" + label_stack(1000) + payload
    assert_unjudged(harness, data, Link.OTHER_MPLS)


# --- PPPoE ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ipv4-tcp", "ipv6-tcp"])
def test_ppp_may_compress_its_protocol(harness: Harness, banned: Lists, name: str) -> None:
    """RFC 1661, section 6.5: receivers take it whether they have agreed upon it or not."""
    assert reason_of(harness, in_pppoe(frames.good(name), compressed=True)) is Reason.BLACKLIST


@pytest.mark.parametrize("protocol", [0xC021, 0x8021, 0x8057, 0xC023, 0x003D, 0x00FD])
def test_what_ppp_says_beside_ip_is_not_judged(harness: Harness, protocol: int) -> None:
    data = bytes(12) + b"\x88\x64" + session(struct.pack("!H", protocol) + bytes(40))
    assert_unjudged(harness, data, Link.OTHER_PPPOE)


def test_discovery_is_not_judged(harness: Harness) -> None:
    data = bytes(12) + b"\x88\x63" + session(b"", header=b"\x11\x09") + bytes(40)
    assert_unjudged(harness, data, Link.OTHER_PPPOE)


def test_padding_behind_a_session_is_none_of_it(harness: Harness) -> None:
    data = in_pppoe(frames.good("ipv4-udp-empty"))
    packet = assert_judged(harness, Frame(data + bytes(10)), Encapsulation.PPPOE)
    assert packet.ip_version == 4


@pytest.mark.parametrize(
    ("header", "surplus"),
    [(b"\x21\0", 0), (b"\x12\0", 0), (b"\x11\x09", 0), (b"\x11\0", 1), (b"\x11\0", 60_000)],
)
def test_a_session_that_contradicts_itself_is_malformed(
    harness: Harness, header: bytes, surplus: int
) -> None:
    _, _, packet = split(frames.good("ipv4-tcp"))
    data = session(b"\0\x21" + packet, header=header, surplus=surplus)
    assert reason_of(harness, bytes(12) + b"\x88\x64" + data) is Reason.INNER_MALFORMED


def test_a_session_without_room_for_a_protocol_is_malformed(harness: Harness) -> None:
    for payload in (b"", b"\0"):
        data = bytes(12) + b"\x88\x64" + session(payload) + bytes(40)
        assert reason_of(harness, data) is Reason.INNER_MALFORMED


@pytest.mark.parametrize("name", ["ipv4-tcp", "ipv6-tcp"])
def test_the_packet_ends_with_its_session(harness: Harness, name: str) -> None:
    """Bytes behind it do not make up for an IP length that goes beyond."""
    _, ethertype, packet = split(frames.good(name))
    data = session(bytes([0, PPP[ethertype]]) + packet, surplus=-1)
    assert reason_of(harness, bytes(12) + b"\x88\x64" + data) is Reason.IP_LENGTH


# --- cut ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("link", ["untagged", "qinq"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["ipv4-tcp", "ipv6-extensions"])
def test_a_frame_that_ends_at_any_byte_is_not_forwarded_as_judged(
    harness: Harness, banned: Lists, name: str, kind: Encapsulation, link: str
) -> None:
    """Whatever is missing: it is dropped, or nobody takes it for a packet that was judged."""
    whole = good(kind, name, link)
    for size in range(len(whole)):
        packet = harness.run_one(whole[:size])
        is_unjudged = PacketFlag.LINK_SCOPE in PacketFlag(packet.flags)
        assert (packet.verdict == Verdict.DROP) is not is_unjudged, size
        assert kind is Encapsulation.MPLS or not is_unjudged, size


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_capture_has_cut_is_not_called_malformed(
    harness: Harness, kind: Encapsulation
) -> None:
    whole = good(kind, "ipv4-tcp-options")
    for size in range(14, len(whole)):
        harness.run_one(Frame(whole[:size], flags=PacketFlag.CUT, length=len(whole)))
        assert harness.burst.packets[0].verdict == Verdict.PASS, size


# --- the policy -----------------------------------------------------------------------------------


def saying(inside: Inside, mode: Mode = Mode.ENFORCE) -> Callable[[PolicyTable], None]:
    def fill(table: PolicyTable) -> None:
        profile = table.add(0)
        profile.inside[:] = [inside] * len(Encapsulation)
        profile.mode[Reason.INNER_REFUSED] = mode

    return fill


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("kind", KINDS)
def test_a_policy_may_refuse_an_encapsulation(
    harness: Harness, kind: Encapsulation, mode: Mode
) -> None:
    harness.use_policy(saying(Inside.REFUSE, mode))
    packet = harness.run_one(good(kind, "ipv4-tcp"))
    assert Verdict(packet.verdict) is (Verdict.DROP if mode is Mode.ENFORCE else Verdict.PASS)
    counts = harness.stats.profile[0].count[Reason.INNER_REFUSED]
    assert list(counts) == [0, mode is Mode.MONITOR, mode is Mode.ENFORCE]
    assert harness.run_one(Frame(good(kind, "ipv4-tcp"), Port.INSIDE)).verdict == Verdict.PASS
    assert harness.run_one(frames.good("ipv4-tcp")).verdict == Verdict.PASS


@pytest.mark.parametrize("kind", KINDS)
def test_a_policy_may_let_an_encapsulation_be(
    harness: Harness, banned: Lists, kind: Encapsulation
) -> None:
    harness.use_policy(saying(Inside.PASS))
    assert_unjudged(harness, good(kind, "ipv4-tcp", "qinq"), OTHER[kind])
    assert harness.burst.packets[0].vlan_count == 2
    malformed = bytes(12) + (b"\x88\x47" if kind is Encapsulation.MPLS else b"\x88\x64")
    assert harness.run_one(malformed + bytes(1)).verdict == Verdict.PASS


@pytest.mark.parametrize("kind", KINDS)
def test_the_rule_about_ethertypes_comes_first(harness: Harness, kind: Encapsulation) -> None:
    """Policies from before that refuse all EtherTypes but IP refuse what is inside, too."""

    def fill(table: PolicyTable) -> None:
        profile = table.add(0)
        profile.uses |= Use.ETHERTYPES

    harness.use_policy(fill)
    assert reason_of(harness, good(kind, "ipv4-tcp")) is Reason.ETHERTYPES
    assert harness.run_one(Frame(good(kind, "ipv4-tcp"), Port.INSIDE)).verdict == Verdict.PASS


@pytest.mark.parametrize("kind", KINDS)
def test_the_limit_of_what_is_not_ip_is_not_for_what_is(
    harness: Harness, kind: Encapsulation
) -> None:
    data = bytes(frames.link("untagged") / frames.ip4() / frames.udp() / Raw(b"x" * 30))
    data = in_mpls(data) if kind is Encapsulation.MPLS else in_pppoe(data)
    for _ in range(2 * abi.LINK_OTHER_PPS_MAX // 25):
        harness.run([data] * 25)
    assert harness.stats.port[Port.OUTSIDE].dropped[Reason.NON_IP_LIMIT] == 0
    assert harness.stats.inner[Port.OUTSIDE][kind] == 2 * abi.LINK_OTHER_PPS_MAX

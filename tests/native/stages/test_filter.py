"""Filter: what a profile does not take, by fragment, port and reflector, and what it lets be."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dataplane.native import abi
from dataplane.native.abi import ListKind, Mode, Port, Reason, Use, Verdict
from dataplane.policy import compile_policy, fill_profile, parse_policy
from dataplane.policy.reflectors import REFLECTORS
from dataplane.tables.lists import Lists, pack
from dataplane.tables.policy_table import PolicyTable
from tests.native import frames
from tests.native.frames import TCP, UDP, Raw, ip4, ip6, link
from tests.native.harness import Frame, Harness

TAGS = ("untagged", "vlan", "qinq")
IPS = {"ipv4": ip4, "ipv6": ip6}
Fill = Callable[[PolicyTable], None]


def ports(protocol: str, *ranges: tuple[int, int], deny: bool = False) -> Fill:
    def fill(table: PolicyTable) -> None:
        profile = table.profile(0)
        rule = getattr(profile, f"ports_{protocol}")
        rule.count, rule.is_deny = len(ranges), deny
        for place, (first, last) in zip(rule.range, ranges, strict=False):
            place.first, place.last = first, last
        profile.uses |= Use.PORTS_TCP if protocol == "tcp" else Use.PORTS_UDP

    return fill


def reflectors(*pairs: tuple[int, int]) -> Fill:
    def fill(table: PolicyTable) -> None:
        profile = table.profile(0)
        for place, (port, size_min) in zip(profile.reflector, pairs, strict=False):
            place.port, place.size_min = port, size_min
        profile.reflector_count = len(pairs)
        profile.uses |= Use.REFLECTORS

    return fill


def fragments(table: PolicyTable) -> None:
    table.profile(0).uses |= Use.FRAGMENTS


def reason_of(harness: Harness, frame: bytes | Frame) -> Reason:
    """Why it is dropped; NONE: it is not."""
    packet = harness.run_one(frame)
    return Reason(packet.reason) if packet.verdict == Verdict.DROP else Reason.NONE


def tcp_to(port: int, ip: str = "ipv4", tag: str = "untagged") -> bytes:
    return bytes(link(tag) / IPS[ip]() / TCP(sport=40000, dport=port, flags="S"))


def udp_from(port: int, size: int, ip: str = "ipv4", tag: str = "untagged") -> bytes:
    """A datagram of ``size`` bytes, header included."""
    return bytes(link(tag) / IPS[ip]() / UDP(sport=port, dport=40000) / Raw(b"x" * (size - 8)))


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("ip", IPS)
@pytest.mark.parametrize("deny", [False, True])
def test_a_port_is_refused_that_is_not_allowed_or_is_denied(
    harness: Harness, ip: str, tag: str, deny: bool
) -> None:
    harness.use_policy(ports("tcp", (80, 80), (8000, 8100), deny=deny))
    inside = {port: reason_of(harness, tcp_to(port, ip, tag)) for port in (80, 8000, 8050, 8100)}
    outside = {
        port: reason_of(harness, tcp_to(port, ip, tag)) for port in (0, 79, 81, 7999, 8101, 65535)
    }
    refused, taken = (inside, outside) if deny else (outside, inside)
    assert set(refused.values()) == {Reason.PORTS_TCP}
    assert set(taken.values()) == {Reason.NONE}


def test_no_range_at_all_allows_nothing_or_denies_nothing(harness: Harness) -> None:
    harness.use_policy(ports("tcp"))
    assert reason_of(harness, tcp_to(80)) is Reason.PORTS_TCP
    harness.use_policy(ports("tcp", deny=True))
    assert reason_of(harness, tcp_to(80)) is Reason.NONE


def test_a_rule_is_about_its_protocol_alone(harness: Harness) -> None:
    harness.use_policy(ports("udp", (53, 53)))
    assert reason_of(harness, tcp_to(80)) is Reason.NONE
    assert reason_of(harness, udp_from(40000, 20)) is Reason.PORTS_UDP
    assert reason_of(harness, frames.good("ipv4-icmp")) is Reason.NONE
    assert reason_of(harness, frames.good("ipv4-udp")) is Reason.NONE  # to port 53


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("ip", IPS)
def test_a_reflectors_answer_is_known_by_port_and_size(harness: Harness, ip: str, tag: str) -> None:
    harness.use_policy(reflectors((53, 513), (123, 8)))
    assert reason_of(harness, udp_from(53, 512, ip, tag)) is Reason.NONE
    assert reason_of(harness, udp_from(53, 513, ip, tag)) is Reason.UDP_AMPLIFICATION
    assert reason_of(harness, udp_from(123, 8, ip, tag)) is Reason.UDP_AMPLIFICATION
    assert reason_of(harness, udp_from(124, 600, ip, tag)) is Reason.NONE
    assert reason_of(harness, udp_from(52, 600, ip, tag)) is Reason.NONE


def shipped(table: PolicyTable) -> None:
    """What `udp_amplification` without a list of reflectors compiles to."""
    rule = {"type": "udp_amplification"}
    (profile,) = compile_policy(parse_policy({"name": "x", "rules": [rule]}))
    fill_profile(table.profile(0), profile)


def ntp(mode: int, size: int, ip: str = "ipv4", tag: str = "untagged", port: int = 123) -> bytes:
    """An NTP packet of version 4: leap indicator, version, mode (RFC 5905, 7.3), then anything."""
    payload = bytes([4 << 3 | mode]) + b"x" * (size - 9)
    return bytes(link(tag) / IPS[ip]() / UDP(sport=port, dport=40000) / Raw(payload))


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("ip", IPS)
@pytest.mark.parametrize("size", [9, 56, 119, 120, 236, 488, 1480])
def test_ntp_is_judged_by_its_mode(harness: Harness, ip: str, tag: str, size: int) -> None:
    """Time (mode 4) with NTS (RFC 8915, 5.7) may be long; monlist is of mode 7, control of 6."""
    harness.use_policy(shipped)
    refused = {mode for mode in range(8) if reason_of(harness, ntp(mode, size, ip, tag))}
    assert refused == {6, 7}
    assert reason_of(harness, ntp(7, size, ip, tag, port=124)) is Reason.NONE


def test_ntp_without_a_byte_that_says_the_mode_passes(harness: Harness) -> None:
    harness.use_policy(shipped)
    assert reason_of(harness, udp_from(123, 8)) is Reason.NONE
    whole = ntp(7, 488)
    cut = Frame(whole[:42], flags=abi.PacketFlag.CUT, length=len(whole))
    assert reason_of(harness, cut) is Reason.NONE
    assert reason_of(harness, Frame(whole[:43], cut.port, cut.flags, cut.length)) is (
        Reason.UDP_AMPLIFICATION
    )
    padded = udp_from(123, 8) + b"\x27" * 18  # Ethernet's, that looks like mode 7
    assert reason_of(harness, padded) is Reason.NONE


def test_modes_and_size_are_both_asked(harness: Harness) -> None:
    def fill(table: PolicyTable) -> None:
        reflectors((123, 120))(table)
        table.profile(0).reflector[0].ntp_modes = 1 << 4

    harness.use_policy(fill)
    assert reason_of(harness, ntp(4, 120)) is Reason.UDP_AMPLIFICATION
    assert reason_of(harness, ntp(4, 119)) is Reason.NONE
    assert reason_of(harness, ntp(7, 120)) is Reason.NONE


def test_in_monitor_mode_a_control_message_of_ntp_is_counted_and_passes(harness: Harness) -> None:
    def fill(table: PolicyTable) -> None:
        shipped(table)
        table.profile(0).mode[Reason.UDP_AMPLIFICATION] = Mode.MONITOR

    harness.use_policy(fill)
    for mode in range(8):
        assert reason_of(harness, ntp(mode, 236)) is Reason.NONE
    assert harness.stats.profile[0].count[Reason.UDP_AMPLIFICATION][Mode.MONITOR] == 2


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("ip", IPS)
@pytest.mark.parametrize(
    ("port", "longest"),
    [
        pytest.param(53, 1410 + 8, id="DNS, RFC 6891, 6.2.5"),
        pytest.param(53, 1400 + 8, id="DNS, RFC 9715"),
        pytest.param(53, 1472 + 8, id="DNS without a fragment"),
        pytest.param(69, 512 + 4 + 8, id="TFTP, RFC 1350, 2"),
        pytest.param(27015, 1400 + 8, id="Steam"),
    ],
)
def test_the_longest_answer_of_an_honest_server_passes(
    harness: Harness, ip: str, tag: str, port: int, longest: int
) -> None:
    harness.use_policy(shipped)
    assert reason_of(harness, udp_from(port, longest, ip, tag)) is Reason.NONE


@pytest.mark.parametrize(
    ("port", "size"), [(port, one.size_min) for port, one in REFLECTORS.items() if port != 123]
)
def test_what_amplifiers_send_is_refused(harness: Harness, port: int, size: int) -> None:
    harness.use_policy(shipped)
    assert reason_of(harness, udp_from(port, size)) is Reason.UDP_AMPLIFICATION
    assert reason_of(harness, udp_from(port, 4096)) is Reason.UDP_AMPLIFICATION
    if size > 8:
        assert reason_of(harness, udp_from(port, size - 1)) is Reason.NONE


def test_a_first_fragment_is_judged_by_the_length_of_the_whole_datagram(harness: Harness) -> None:
    harness.use_policy(reflectors((40000, 1000)))
    assert reason_of(harness, frames.good("ipv4-fragment-first")) is Reason.UDP_AMPLIFICATION
    assert reason_of(harness, frames.good("ipv4-fragment-last-possible")) is Reason.NONE


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("name", [name for name in frames.GOOD if "fragment" in name])
def test_fragments_are_refused_where_the_profile_says_so(
    harness: Harness, name: str, tag: str
) -> None:
    assert reason_of(harness, frames.good(name, tag)) is Reason.NONE
    harness.use_policy(fragments)
    packet = harness.run_one(frames.good(name, tag))
    is_fragment = packet.flags & abi.PacketFlag.FRAGMENT
    assert Reason(packet.reason) is (Reason.FRAGMENTS if is_fragment else Reason.NONE)
    assert reason_of(harness, frames.good("ipv4-tcp", tag)) is Reason.NONE


def test_later_fragments_have_no_port_to_be_judged_by(harness: Harness) -> None:
    harness.use_policy(ports("tcp"))
    assert reason_of(harness, frames.good("ipv4-fragment-later")) is Reason.NONE


def test_monitor_changes_nothing_and_does_not_shield_from_the_next_rule(harness: Harness) -> None:
    def fill(table: PolicyTable) -> None:
        ports("udp")(table)
        reflectors((53, 8))(table)
        table.profile(0).mode[Reason.PORTS_UDP] = Mode.MONITOR

    harness.use_policy(fill)
    frame = udp_from(40000, 20)
    packet = harness.run_one(frame)
    assert (Verdict(packet.verdict), harness.bytes_of(packet)) == (Verdict.PASS, frame)
    assert harness.stats.profile[0].count[Reason.PORTS_UDP][Mode.MONITOR] == 1
    assert reason_of(harness, udp_from(53, 20)) is Reason.UDP_AMPLIFICATION


def test_neither_the_allowlist_nor_the_inside_is_judged(harness: Harness) -> None:
    harness.use_policy(ports("tcp"))
    assert reason_of(harness, Frame(tcp_to(80), Port.INSIDE)) is Reason.NONE
    client = bytes(10) + b"\xff\xff" + bytes(map(int, frames.CLIENT4.split(".")))
    with Lists(harness.library, 64, 64, 1, bytes(range(16))) as lists:
        lists.put(pack([(client, 128, ListKind.ALLOWLIST, abi.DEADLINE_NEVER)]))
        harness.node.lists = lists.address
        assert reason_of(harness, tcp_to(80)) is Reason.NONE
        assert reason_of(harness, tcp_to(80, "ipv6")) is Reason.PORTS_TCP
        harness.node.lists = 0

"""Filter: what a profile does not take, by fragment, port and reflector, and what it lets be."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dataplane import abi
from dataplane.abi import ListKind, Mode, Port, Reason, Use, Verdict
from dataplane.policy_table import PolicyTable
from dataplane.tables import Lists, pack
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
    return Reason(harness.run_one(frame).reason)


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

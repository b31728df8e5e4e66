"""Country: whom a profile blocks or alone allows, by where the source is, and whom that spares."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator

import pytest

from dataplane.base.networks import Network
from dataplane.countries.codes import index_of
from dataplane.native import abi
from dataplane.native.abi import ListKind, Mode, Port, Reason, Use, Verdict
from dataplane.tables.lists import Lists, pack
from dataplane.tables.policy_table import PolicyTable
from tests.native import frames
from tests.native.harness import Frame, Harness
from tests.native.stages.countries_support import country_table

TAGS = ("untagged", "vlan", "qinq")
Fill = Callable[[PolicyTable], None]
DE, FR = index_of("DE"), index_of("FR")


def number(text: str) -> int:
    return int.from_bytes(Network.parse(text).key) & (0xFFFFFFFF if "." in text else (1 << 128) - 1)


@pytest.fixture(autouse=True)
def database(harness: Harness, library: ctypes.CDLL) -> Iterator[None]:
    """The clients of `frames` are in Germany; everybody else is nowhere."""
    client4, client6 = number(frames.CLIENT4), number(frames.CLIENT6)
    with country_table(
        library,
        [(0, 0), (client4, DE), (client4 + 1, 0)],
        [(0, 0), (client6, DE), (client6 + 1, 0)],
    ) as table:
        harness.node.countries = table.address
        yield
        harness.node.countries = 0


def geo(block: tuple[int, ...] = (), allow: tuple[int, ...] | None = None) -> Fill:
    def fill(table: PolicyTable) -> None:
        profile = table.profile(0)
        for words, countries in ((profile.geo_block, block), (profile.geo_allow, allow or ())):
            for country in countries:
                words[country // 64] |= 1 << country % 64
        profile.uses |= Use.GEO_BLOCK if block else 0
        profile.uses |= Use.GEO_ALLOW if allow is not None else 0

    return fill


def reason_of(harness: Harness, frame: bytes | Frame) -> Reason:
    """Why it is dropped; NONE: it is not."""
    packet = harness.run_one(frame)
    return Reason(packet.reason) if packet.verdict == Verdict.DROP else Reason.NONE


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("name", ["ipv4-tcp", "ipv6-tcp", "ipv4-fragment-later", "ipv4-icmp"])
def test_a_source_is_blocked_by_its_country(harness: Harness, name: str, tag: str) -> None:
    frame = frames.good(name, tag)
    harness.use_policy(geo(block=(DE, FR)))
    assert reason_of(harness, frame) is Reason.GEO_BLOCK
    harness.use_policy(geo(block=(FR, 0)))
    assert reason_of(harness, frame) is Reason.NONE


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("prefix", ["2002::/16", "2001::/32"])
def test_a_blocked_source_does_not_come_in_by_6to4_or_teredo(
    harness: Harness, prefix: str, tag: str
) -> None:
    """A router of 6to4 (RFC 3056), a server of Teredo (RFC 4380): the address of `frames`."""
    plain = Network.parse(frames.CLIENT6).key
    start = Network.parse(prefix)
    at = start.prefix_length // 8
    held = start.key[:at] + Network.parse(frames.CLIENT4).key[12:] + bytes(12 - at)
    frame = frames.good("ipv6-tcp", tag).replace(plain, held, 1)
    assert frame.count(held) == 1
    harness.use_policy(geo(block=(DE,)))
    assert reason_of(harness, frame) is Reason.GEO_BLOCK
    harness.use_policy(geo(allow=(DE,)))
    assert reason_of(harness, frame) is Reason.NONE
    harness.use_policy(geo(allow=(FR,)))
    assert reason_of(harness, frame) is Reason.GEO_ALLOW
    harness.policy.profile(0).mode[Reason.GEO_ALLOW] = Mode.MONITOR
    assert reason_of(harness, frame) is Reason.NONE
    assert harness.stats.profile[0].count[Reason.GEO_ALLOW][Mode.MONITOR] == 1


@pytest.mark.parametrize("name", ["ipv4-tcp", "ipv6-tcp"])
def test_a_source_is_taken_only_from_a_country_that_is_allowed(harness: Harness, name: str) -> None:
    harness.use_policy(geo(allow=(DE,)))
    assert reason_of(harness, frames.good(name)) is Reason.NONE
    harness.use_policy(geo(allow=(FR,)))
    assert reason_of(harness, frames.good(name)) is Reason.GEO_ALLOW


def test_what_is_allowed_can_be_blocked_all_the_same(harness: Harness) -> None:
    harness.use_policy(geo(block=(DE,), allow=(DE,)))
    assert reason_of(harness, frames.good("ipv4-tcp")) is Reason.GEO_BLOCK


def test_what_no_database_knows_is_a_country_of_its_own(
    harness: Harness, library: ctypes.CDLL
) -> None:
    with country_table(library, [(0, 0)], [(0, 0)]) as table:
        harness.node.countries = table.address
        harness.use_policy(geo(block=(0,)))
        assert reason_of(harness, frames.good("ipv4-tcp")) is Reason.GEO_BLOCK
        harness.use_policy(geo(allow=(DE,)))
        assert reason_of(harness, frames.good("ipv6-tcp")) is Reason.GEO_ALLOW
        harness.use_policy(geo(allow=(0,)))
        assert reason_of(harness, frames.good("ipv6-tcp")) is Reason.NONE


def test_without_a_database_everybody_passes(harness: Harness) -> None:
    harness.use_policy(geo(block=(DE, 0), allow=()))
    harness.node.countries = 0
    assert reason_of(harness, frames.good("ipv4-tcp")) is Reason.NONE


def test_monitor_changes_nothing_and_does_not_shield_from_the_other_rule(harness: Harness) -> None:
    def fill(table: PolicyTable) -> None:
        geo(block=(DE,), allow=(FR,))(table)
        table.profile(0).mode[Reason.GEO_BLOCK] = Mode.MONITOR

    harness.use_policy(fill)
    assert reason_of(harness, frames.good("ipv4-tcp")) is Reason.GEO_ALLOW
    assert harness.stats.profile[0].count[Reason.GEO_BLOCK][Mode.MONITOR] == 1
    harness.policy.profile(0).mode[Reason.GEO_ALLOW] = Mode.MONITOR
    packet = harness.run_one(frames.good("ipv4-tcp"))
    assert Verdict(packet.verdict) is Verdict.PASS
    assert harness.bytes_of(packet) == frames.good("ipv4-tcp")


def test_neither_the_allowlist_nor_the_inside_is_judged(harness: Harness) -> None:
    harness.use_policy(geo(block=(DE, 0)))
    assert reason_of(harness, Frame(frames.good("ipv4-tcp"), Port.INSIDE)) is Reason.NONE
    client = Network.parse(frames.CLIENT4).key
    with Lists(harness.library, 64, 64, 1, bytes(range(16))) as lists:
        lists.put(pack([(client, 128, ListKind.ALLOWLIST, abi.DEADLINE_NEVER)]))
        harness.node.lists = lists.address
        assert reason_of(harness, frames.good("ipv4-tcp")) is Reason.NONE
        assert reason_of(harness, frames.good("ipv6-tcp")) is Reason.GEO_BLOCK
        harness.node.lists = 0


def test_a_full_burst_of_both_families_is_judged_packet_by_packet(harness: Harness) -> None:
    harness.use_policy(geo(block=(DE,)))
    names = ("ipv4-tcp", "ipv6-tcp")
    inside = Frame(frames.good("ipv4-tcp"), Port.INSIDE)
    burst = [inside if i % 3 == 0 else frames.good(names[i % 2]) for i in range(abi.BURST_MAX)]
    packets = harness.run(burst)
    expected = [Reason.NONE if i % 3 == 0 else Reason.GEO_BLOCK for i in range(abi.BURST_MAX)]
    assert [Reason(packet.reason) for packet in packets] == expected
    assert list(harness.burst.live[: harness.burst.live_count]) == list(range(0, 32, 3))

"""What the packet path says of a packet, stage by stage, and that asking leaves no trace."""

from __future__ import annotations

import ctypes
import itertools
from collections.abc import Iterator

import pytest

from dataplane.base.errors import NativeError
from dataplane.base.networks import Network
from dataplane.client import PacketQuestion
from dataplane.native import abi
from dataplane.native.abi import ListKind, Mode, Reason, Scope, SynProxy, Unit, Verdict
from dataplane.run.loop.explaining import Explaining
from dataplane.shared.labels import STAGES
from dataplane.tables.lists import Lists, pack
from dataplane.tables.policy_table import PolicyTable
from tests.native.explain.explain_support import ask, key
from tests.native.frames import ip4, link, tcp
from tests.native.harness import Harness
from tests.native.stages.limits.limits_support import SECOND, buckets, put_limit

CLIENT, SERVER = "203.0.113.7", "198.51.100.10"
SYN = bytes(link("untagged") / ip4(src=CLIENT, dst=SERVER) / tcp())


@pytest.fixture
def harness(library: ctypes.CDLL) -> Iterator[Harness]:
    with Harness(library) as harness:
        yield harness


@pytest.fixture
def lists(harness: Harness) -> Iterator[Lists]:
    with Lists(harness.library, 1000, 1000, 1, bytes(range(16))) as lists:
        harness.node.lists = lists.address
        yield lists
        harness.node.lists = 0


def put(lists: Lists, kind: ListKind, text: str, deadline_ds: int = abi.DEADLINE_NEVER) -> None:
    network = Network.parse(text)
    assert lists.put(pack([(network.key, network.prefix_length, kind, deadline_ds)])) == 0
    lists.commit()


def test_a_packet_that_nothing_is_against_goes_through_every_stage(harness: Harness) -> None:
    found = ask(harness, CLIENT)
    assert found.verdict == "forwarded"
    assert found.findings == ()
    assert found.reached == STAGES


@pytest.mark.parametrize("protocol", ["tcp", "udp", "icmp"])
def test_no_stage_takes_the_packet_of_an_ipv4_question_for_malformed(
    harness: Harness, protocol: str
) -> None:
    assert ask(harness, CLIENT, protocol=protocol).findings == ()


@pytest.mark.parametrize("protocol", ["tcp", "udp", "icmpv6"])
@pytest.mark.parametrize("to", ["2001:db8:1::1", None])
def test_no_stage_takes_the_packet_of_an_ipv6_question_for_malformed(
    harness: Harness, protocol: str, to: str | None
) -> None:
    assert ask(harness, "2001:db8::7", to, protocol=protocol).findings == ()


@pytest.mark.parametrize("source", ["192.0.2.1", "192.0.2.2", "2001:db8::1"])
def test_a_question_without_destination_is_no_land_attack(harness: Harness, source: str) -> None:
    assert ask(harness, source, None).findings == ()


def test_a_banned_source_is_dropped_by_the_lists_and_comes_no_further(
    harness: Harness, lists: Lists
) -> None:
    put(lists, ListKind.BLACKLIST, CLIENT)
    found = ask(harness, CLIENT)
    assert (found.verdict, found.reason) == ("dropped", "blacklist")
    assert found.reached[-1] == "lists"


def test_nested_entries_are_all_there_the_longest_first(harness: Harness, lists: Lists) -> None:
    for text in ("203.0.113.0/24", "203.0.0.0/16", CLIENT, "203.0.112.0/24"):
        put(lists, ListKind.BLACKLIST, text)
    found = ask(harness, CLIENT)
    assert [str(entry.network) for entry in found.entries] == [
        CLIENT,
        "203.0.113.0/24",
        "203.0.0.0/16",
    ]


def test_a_short_prefix_on_the_allowlist_beats_the_ban_of_the_address(
    harness: Harness, lists: Lists
) -> None:
    put(lists, ListKind.BLACKLIST, CLIENT)
    put(lists, ListKind.ALLOWLIST, "203.0.0.0/16")
    found = ask(harness, CLIENT)
    assert (found.verdict, found.is_allowed) == ("forwarded", True)
    assert {entry.list for entry in found.entries} == {"blacklist", "allowlist"}


def test_an_entry_that_is_over_is_not_named(harness: Harness, lists: Lists) -> None:
    put(lists, ListKind.BLACKLIST, CLIENT, harness.time.boot_ds)
    found = ask(harness, CLIENT)
    assert (found.verdict, found.entries) == ("forwarded", ())


def test_more_entries_than_an_answer_holds_are_counted(harness: Harness, lists: Lists) -> None:
    for length in range(8, 33):
        value = int.from_bytes(key(CLIENT)[12:], "big") >> (32 - length) << (32 - length)
        text = ".".join(str(value >> shift & 255) for shift in (24, 16, 8, 0))
        put(lists, ListKind.BLACKLIST, f"{text}/{length}")
    found = ask(harness, CLIENT)
    assert (len(found.entries), found.entries_found) == (abi.EXPLAINED_ENTRIES_MAX, 25)


def test_asking_counts_no_hit_and_no_packet(harness: Harness, lists: Lists) -> None:
    put(lists, ListKind.BLACKLIST, CLIENT)
    before = bytes(harness.stats)
    assert ask(harness, CLIENT).entries[0].hits == 0
    entry = lists.get(key(CLIENT), 128, ListKind.BLACKLIST)
    assert entry is not None
    assert entry.hits == 0
    assert bytes(harness.stats) == before


def test_monitor_is_said_and_the_packet_goes_on(harness: Harness, lists: Lists) -> None:
    put(lists, ListKind.BLACKLIST, CLIENT)
    harness.set_mode(Reason.BLACKLIST, Mode.MONITOR)
    found = ask(harness, CLIENT)
    assert found.verdict == "forwarded"
    [finding] = found.findings
    assert (finding.stage, finding.reason, finding.mode) == (
        "lists",
        "blacklist",
        "monitor",
    )


def test_the_destination_selects_the_profile(harness: Harness) -> None:
    def fill(table: PolicyTable) -> None:
        profile = table.add(3)
        profile.ports_tcp.count, profile.uses = 1, abi.Use.PORTS_TCP
        profile.ports_tcp.range[0].first = profile.ports_tcp.range[0].last = 443
        table.target(key(SERVER), 128, 3)

    harness.use_policy(fill)
    assert ask(harness, CLIENT).profile == 3
    closed = ask(harness, CLIENT, port=22)
    assert (closed.verdict, closed.reason) == ("dropped", "ports_tcp")
    assert ask(harness, CLIENT, "198.51.100.11", port=22).verdict == "forwarded"
    assert ask(harness, CLIENT, None, port=22, profile=3).reason == "ports_tcp"


def test_a_source_that_is_protected_is_said_to_be_inside(harness: Harness) -> None:
    harness.use_policy(lambda table: (table.add(3), table.target(key(CLIENT), 128, 3))[1])
    assert ask(harness, CLIENT).source_profile == 3


def limited(table: PolicyTable) -> None:
    put_limit(table.profile(0), Reason.RATE_SOURCE_PACKETS, 10, 2)


def test_an_empty_bucket_drops_and_fills_again(harness: Harness) -> None:
    harness.use_policy(limited)
    with buckets(harness):
        [full] = ask(harness, CLIENT).limits
        assert (full.rate, full.size, full.room, full.is_known) == (10, 2, 2, False)
        harness.run([SYN] * 2)
        found = ask(harness, CLIENT)
        assert (found.verdict, found.reason) == ("dropped", "rate_source_packets")
        assert (found.limits[0].room, found.limits[0].is_known) == (0, True)
        harness.time.tsc += SECOND // 10
        assert ask(harness, CLIENT).limits[0].room == 1


def test_asking_pays_into_no_bucket(harness: Harness) -> None:
    harness.use_policy(limited)
    with buckets(harness):
        for _ in range(10):
            assert ask(harness, CLIENT).verdict == "forwarded"
        assert harness.run([SYN])[0].verdict == Verdict.PASS


def test_an_allowed_source_pays_into_no_limit(harness: Harness, lists: Lists) -> None:
    put(lists, ListKind.ALLOWLIST, CLIENT)
    harness.use_policy(limited)
    with buckets(harness):
        assert [limit.pays for limit in ask(harness, CLIENT).limits] == ["no"]


def test_the_bucket_of_a_destination_that_is_not_named_is_not_known(harness: Harness) -> None:
    fields = {"scope": Scope.DESTINATION, "unit": Unit.PACKETS}
    reason = Reason.RATE_DESTINATION_PACKETS
    harness.use_policy(lambda table: put_limit(table.profile(0), reason, 10, 1, **fields))
    with buckets(harness):
        harness.run([SYN])
        assert ask(harness, CLIENT).limits[0].is_known
        found = ask(harness, CLIENT, None)
        assert (found.verdict, found.limits[0].is_known) == ("forwarded", False)


def test_without_a_proxy_the_answer_says_what_the_profile_wants(harness: Harness) -> None:
    harness.policy.profile(0).syn_proxy = SynProxy.ALWAYS
    found = ask(harness, CLIENT)
    assert (found.syn_proxy, found.syn_proxy_on, found.verdict) == (
        "always",
        False,
        "forwarded",
    )


@pytest.mark.parametrize(
    "question",
    [
        PacketQuestion(key(CLIENT), 6, 443, key("2001:db8::1")),
        PacketQuestion(key(CLIENT), 47, 443, key(SERVER)),
        PacketQuestion(key(CLIENT), 58, 443, key(SERVER)),
        PacketQuestion(key(CLIENT), 6, 443, None, abi.PROFILES_MAX),
    ],
)
def test_what_can_not_be_asked_is_refused(harness: Harness, question: PacketQuestion) -> None:
    assert not question.is_valid
    explaining = Explaining(harness.library, harness.node, [harness.lcore])
    with pytest.raises(NativeError):
        explaining.explain(question, harness.time)


def test_every_question_that_is_valid_is_answered(harness: Harness) -> None:
    addresses = ["::", "0.0.0.0", "255.255.255.255", "ff02::1", "::1", "fe80::1", CLIENT]
    explaining = Explaining(harness.library, harness.node, [harness.lcore])
    answered = 0
    for source, to in itertools.product(map(key, addresses), [None, *map(key, addresses)]):
        for protocol, profile in itertools.product((0, 1, 6, 17, 58), (0, 1, abi.PROFILES_MAX - 1)):
            question = PacketQuestion(source, protocol, 0, to, profile)
            if question.is_valid:
                assert explaining.explain(question, harness.time) is not None
                answered += 1
            else:
                with pytest.raises(NativeError):
                    explaining.explain(question, harness.time)
    assert answered > 100

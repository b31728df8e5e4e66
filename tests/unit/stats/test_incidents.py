"""Attacks read from statistics pages that are written here."""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Iterator

import pytest

from dataplane.base.networks import Network
from dataplane.countries.codes import index_of
from dataplane.native import abi
from dataplane.shared.incidents import DELAY_BOUNDS_MS
from dataplane.shared.pages.statsview import StatsView
from tests.support.clock import FakeClock


class Pages:
    """Statistics of a node without lcores."""

    def __init__(self) -> None:
        self.memory = mmap.mmap(-1, ctypes.sizeof(abi.Stats))
        header = abi.Stats.from_buffer(self.memory).header
        header.magic = abi.STATS_MAGIC
        header.abi_hash[:] = list(bytes.fromhex(abi.ABI_HASH))
        self.detection = header.detection
        self.view = StatsView(self.memory, FakeClock())

    def put(self, slot: int, number: int, target: str = "203.0.113.10") -> abi.Incident:
        """A SYN flood as the control loop writes one."""
        one: abi.Incident = self.detection.incident[slot]
        network = Network.parse(target)
        one.id, one.number, one.attack = 0xABC, number, abi.Attack.SYN_FLOOD
        one.target = abi.Target.ADDRESS if network.is_address else abi.Target.PREFIX
        one.key[:], one.prefix_length = list(network.key), network.prefix_length
        one.profile_name[:3] = list(b"web")
        one.metric, one.threshold, one.value = abi.Metric.SYNS, 1000, 5400
        one.updated_boot_ms = number * 100
        one.version += 2
        return one


@pytest.fixture
def pages() -> Iterator[Pages]:
    found = Pages()
    yield found
    found.view.close()


def test_a_node_without_attacks_has_none(pages: Pages) -> None:
    assert pages.view.incidents() == []


def test_incidents_come_by_number_wherever_they_lie(pages: Pages) -> None:
    for slot, number in ((abi.INCIDENTS_MAX - 1, 2), (0, 3), (7, 1)):
        pages.put(slot, number)
    assert [each.number for each in pages.view.incidents()] == [1, 2, 3]


def test_only_what_has_changed_since_can_be_asked_for(pages: Pages) -> None:
    for number in (1, 2, 3):
        pages.put(number, number)
    assert [each.number for each in pages.view.incidents(200)] == [2, 3]


def test_one_that_is_being_written_is_left_out(pages: Pages) -> None:
    pages.put(0, 1)
    pages.put(1, 2).version += 1
    assert [each.number for each in pages.view.incidents()] == [1]


def test_fields_become_what_an_operator_reads(pages: Pages) -> None:
    one = pages.put(0, 1)
    one.source_count = one.reason_count = one.port_count = one.country_count = 1
    one.flags_count, one.size_count = 1, 2
    one.source[0].address[:] = list(Network.parse("192.0.2.7").key)
    one.source[0].country, one.source[0].packets = index_of("DE"), 40
    one.reason[0].key, one.reason[0].value = abi.Reason.BLACKLIST, 9
    one.port[0].key, one.port[0].value = 6 << 16 | 443, 500_000
    one.country[0].key, one.country[0].value = index_of("FR"), 250_000
    one.flags[0].key, one.flags[0].value = 0x12, 1_000_000
    one.size[0].key, one.size[0].value = 64, 900_000
    one.size[1].value = 100_000
    one.packets, one.dropped, one.challenged, one.seen_once_ppm = 10, 3, 1, 970_000
    (found,) = pages.view.incidents()
    assert (found.id, found.type, found.state) == ("attack_0000000000000abc", "syn_flood", "active")
    assert (found.target, found.target_kind, found.is_carpet) == ("203.0.113.10", "address", False)
    assert (found.profile, found.trigger.metric) == ("web", "syns_per_second")
    assert (found.ended_at, found.ended_by, found.totals.passed) == (None, "none", 6)
    assert [(each.address, each.country) for each in found.sources.top] == [("192.0.2.7", "DE")]
    assert found.sources.seen_once_share == 0.97
    assert [(each.reason, each.packets) for each in found.dropped_by_reason] == [("blacklist", 9)]
    assert [(each.protocol, each.port, each.share) for each in found.ports] == [("tcp", 443, 0.5)]
    assert [(each.country, each.share) for each in found.countries] == [("FR", 0.25)]
    assert [each.flags for each in found.tcp_flags] == ["SA"]
    assert [each.up_to for each in found.packet_sizes] == [64, None]


def test_targets_are_an_address_a_prefix_a_profile_or_a_port(pages: Pages) -> None:
    pages.put(0, 1, "2001:db8::1")
    pages.put(1, 2, "198.51.100.0/24")
    pages.put(2, 3).target = abi.Target.PROFILE
    port = pages.put(3, 4)
    port.target, port.prefix_length = abi.Target.PORT, abi.Port.INSIDE
    found = pages.view.incidents()
    assert [each.target for each in found] == ["2001:db8::1", "198.51.100.0/24", "web", "inside"]
    assert [each.is_carpet for each in found] == [False, True, True, False]


def test_every_type_has_a_label_and_a_metric(pages: Pages) -> None:
    for slot, attack in enumerate(abi.Attack):
        pages.put(slot, slot + 1).attack = attack
    assert [each.type for each in pages.view.incidents()] == [
        attack.name.lower() for attack in abi.Attack
    ]
    assert set(abi.ATTACK_METRIC) == set(abi.ATTACK_TEXT) == set(abi.Attack)


def test_counts_are_there_by_type(pages: Pages) -> None:
    counts = pages.detection.counts
    counts.attacks[abi.Attack.HTTP_FLOOD], counts.active[abi.Attack.HTTP_FLOOD] = 3, 1
    counts.blocked, counts.suppressed, counts.delay_count = 2, 5, 1
    found = pages.view.read()
    assert found.detection.attacks["http_flood"] == 3
    assert found.detection.active["http_flood"] == 1
    assert (found.detection.blocked, found.detection.suppressed) == (2, 5)
    assert len(found.detection.delay_buckets) == len(DELAY_BOUNDS_MS) + 1
    assert found.attacks_blocked == 2


def test_the_heaviest_of_the_node_are_read_whole_or_not_at_all(pages: Pages) -> None:
    top = pages.detection.top
    assert pages.view.top().sources == ()
    top.version, top.source_count, top.packets_every = 2, 1, 16
    top.source[0].address[:], top.source[0].packets = list(Network.parse("192.0.2.1").key), 9
    assert [each.address for each in pages.view.top().sources] == ["192.0.2.1"]
    top.version = 3
    assert pages.view.top().sources == ()

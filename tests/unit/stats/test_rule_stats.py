"""Hits and evidence of rules, read from statistics pages that are written here."""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Iterator
from uuid import UUID

import pytest

from dataplane.native import abi
from dataplane.reconcile.published import StatsPublisher
from dataplane.reconcile.rejections import Rejection, RulePlace
from dataplane.shared.events import RuleTriggered, decode_event
from dataplane.shared.evidence import incident_id
from dataplane.shared.http_stats import GroupStats
from dataplane.shared.pages.statsview import StatsView
from dataplane.shared.stats import RejectedRule
from dataplane.shared.transport.ring import Element
from tests.support.clock import FakeClock

DATABASE = UUID(int=7)


class Pages:
    """Statistics of two lcores."""

    def __init__(self) -> None:
        self.memory = mmap.mmap(-1, ctypes.sizeof(abi.Stats))
        self.stats = abi.Stats.from_buffer(self.memory)
        self.header = self.stats.header
        self.header.magic = abi.STATS_MAGIC
        self.header.abi_hash[:] = list(bytes.fromhex(abi.ABI_HASH))
        self.header.lcore_count = 2
        self.header.profile_count = 1
        self.header.profile_label[0].name[:7] = list(b"default")
        self.publisher = StatsPublisher(self)  # type: ignore[arg-type]
        self.view = StatsView(self.memory, FakeClock())

    def hit(self, lcore: int, rule: int, boot_ds: int, line: bytes = b"GET / HTTP/1.1") -> int:
        """Write evidence as a worker does; its sequence."""
        page = self.stats.lcore[lcore]
        page.evidence_count += 1
        sequence = int(page.evidence_count)
        element = page.evidence[(sequence - 1) % abi.EVIDENCE_MAX]
        element.boot_ds, element.rule, element.incident = boot_ds, rule, 255
        element.client[:] = [*bytes(10), 255, 255, 192, 0, 2, 7]
        element.client_port = 4711
        element.action, element.mode = abi.WafAction.BLOCK, abi.Mode.ENFORCE
        element.target = abi.WafClass.QUERY
        element.line[: len(line)], element.line_size = list(line), len(line)
        element.sequence = sequence
        return sequence


@pytest.fixture
def pages() -> Iterator[Pages]:
    found = Pages()
    yield found
    found.view.close()


def test_hits_are_summed_over_lcores_and_found_by_number(pages: Pages) -> None:
    for slot, number in ((0, 5), (7, 17), (abi.RULES_MAX - 1, 99)):
        pages.header.rule_number[slot] = number
        pages.stats.lcore[0].rule_hits[slot] = number
        pages.stats.lcore[1].rule_hits[slot] = 1
    pages.stats.lcore[2].rule_hits[0] = 1000  # of no lcore that runs
    assert pages.view.rule_hits([5, 99, 6]) == {5: 6, 99: 100}
    assert pages.view.rule_hits([0]) == {}


def test_evidence_is_newest_first_over_all_lcores_and_by_rule(pages: Pages) -> None:
    for lcore, rule, boot_ds in ((0, 1, 10), (1, 2, 11), (0, 2, 12)):
        pages.hit(lcore, rule, boot_ds, b"GET /%d HTTP/1.1" % boot_ds)
    found = pages.view.evidence(10)
    assert [(each.rule, each.boot_ms) for each in found] == [(2, 1200), (2, 1100), (1, 1000)]
    newest = found[0]
    assert (newest.client, newest.client_port) == ("192.0.2.7", 4711)
    assert (newest.action, newest.mode, newest.target) == ("block", "enforce", "query")
    assert (newest.line, newest.profile) == ("GET /12 HTTP/1.1", "default")
    assert newest.incident == "00000000000000ff"
    assert [each.boot_ms for each in pages.view.evidence(10, rule=1)] == [1000]
    assert len(pages.view.evidence(2)) == 2
    assert incident_id(0) == ""


def test_only_the_newest_are_kept_and_none_that_is_being_written(pages: Pages) -> None:
    for number in range(abi.EVIDENCE_MAX + 3):
        pages.hit(0, 1, number)
    found = pages.view.evidence(abi.EVIDENCE_MAX + 10)
    assert len(found) == abi.EVIDENCE_MAX
    assert found[-1].boot_ms == 300
    pages.stats.lcore[0].evidence[2].sequence = 0  # as while its worker writes
    assert len(pages.view.evidence(abi.EVIDENCE_MAX + 10)) == abi.EVIDENCE_MAX - 1


def test_bytes_that_are_no_text_are_shown_as_escapes(pages: Pages) -> None:
    pages.hit(0, 1, 1, b"GET /\xff\xc3\xa4 HTTP/1.1")
    assert pages.view.evidence(1)[0].line == "GET /\\xff\u00e4 HTTP/1.1"


def test_an_event_leads_to_its_evidence_unless_that_is_written_over(pages: Pages) -> None:
    sequence = pages.hit(1, 17, 5)
    message = abi.RuleTriggered(rule=17, sequence=sequence, lcore=1, incident=255)
    message.action, message.mode = abi.WafAction.BLOCK, abi.Mode.ENFORCE
    message.severity, message.group = abi.Severity.HIGH, 5
    event = decode_event(Element(abi.Message.RULE_TRIGGERED, bytes(message)))
    assert isinstance(event, RuleTriggered)
    assert (event.rule, event.action, event.incident) == (17, "block", "00000000000000ff")
    assert (event.severity, event.group_index) == ("high", 5)
    found = pages.view.evidence_at(event.lcore, event.sequence)
    assert found is not None
    assert found.rule == 17
    for lcore, number in ((0, 1), (2, 1), (99, 1), (1, 0), (1, 2)):
        assert pages.view.evidence_at(lcore, number) is None
    for _ in range(abi.EVIDENCE_MAX):
        pages.hit(1, 18, 6)
    assert pages.view.evidence_at(1, sequence) is None


def test_groups_of_rules_are_read_by_name(pages: Pages) -> None:
    pages.header.rule_group_count = 3
    pages.header.rule_group_label[2].name[:3] = list(b"xss")
    for lcore in pages.stats.lcore[:2]:
        lcore.rule_group[2][:] = [1, 2, 3]
        lcore.rule_group[0][:] = [4, 0, 0]
    assert pages.view.group_names() == {2: "xss"}
    assert pages.view.read().rule_groups == (
        GroupStats("none", logged=8, monitored=0, blocked=0),
        GroupStats("xss", logged=2, monitored=4, blocked=6),
    )


def test_an_event_with_a_member_that_no_enum_has_is_nothing(pages: Pages) -> None:
    message = abi.RuleTriggered(rule=17, sequence=1, action=99)
    assert decode_event(Element(abi.Message.RULE_TRIGGERED, bytes(message))) is None


def test_a_revision_of_rules_is_in_force_when_its_rules_are(pages: Pages) -> None:
    publish, view = pages.publisher, pages.view
    publish.database(DATABASE)
    publish.rules_through(3)
    publish.applied_through(5)
    assert view.in_force(DATABASE, 5)
    assert not view.in_force(DATABASE, 5, of_rules=True)
    assert view.in_force(DATABASE, 3, of_rules=True)
    stats = view.read()
    assert (stats.in_force(DATABASE, 5), stats.rules.through) == (True, 3)
    assert not stats.in_force(DATABASE, 4, of_rules=True)
    publish.database(DATABASE)
    assert not view.in_force(DATABASE, 1, of_rules=True)


def test_a_rejected_rule_is_told_by_its_number(pages: Pages) -> None:
    pages.publisher.rejected(Rejection(4, RulePlace(17), 22, "look-ahead is not supported"))
    pages.publisher.rejected(Rejection(4, RulePlace(18), 22))
    assert pages.view.read().rejected == (
        RejectedRule(4, "look-ahead is not supported", 17),
        RejectedRule(4, "Invalid argument", 18),
    )


def test_the_state_of_the_rules_is_shown(pages: Pages) -> None:
    header = pages.header
    header.rules_used, header.rules_max, header.rules_pending = 3, 50_000, 1
    header.rules_bytes = 9_000_000
    header.rules_state = abi.RulesState.READY | abi.RulesState.BUILDING
    rules = pages.view.read().rules
    assert (rules.used, rules.max, rules.pending, rules.bytes) == (3, 50_000, 1, 9_000_000)
    assert rules.state == ("ready", "building")

"""Evidence of matches: the last ones stay, whole, and events say which."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator

import pytest

from dataplane.native import abi
from tests.native.harness import Harness
from tests.native.waf.waf_support import Waf

SLOT = 7


@pytest.fixture
def waf(harness: Harness) -> Iterator[Waf]:
    harness.library.sb_evidence_add.argtypes = [
        *[ctypes.c_void_p] * 2,
        *[ctypes.c_uint32] * 2,
        ctypes.c_void_p,
    ]
    harness.library.sb_evidence_add.restype = None
    made = Waf(harness)
    yield made
    made.close()


def add(
    waf: Waf,
    slot: int = SLOT,
    result: abi.WafResult = abi.WafResult.BLOCK,
    **fields: int,
) -> None:
    evidence = abi.Evidence(rule=slot + 1, action=abi.WafAction.BLOCK, **fields)
    evidence.client[:] = [1, *[0] * 15]
    harness = waf.harness
    waf.library.sb_evidence_add(
        *(ctypes.byref(harness.lcore), ctypes.byref(evidence), slot, result),
        ctypes.byref(harness.time),
    )


def events(waf: Waf, producer: abi.RingProducer) -> list[abi.RuleTriggered]:
    found = []
    for number in range(producer.cursor):
        element = producer.slots[number % abi.RING_SLOTS]
        assert element.kind == abi.Message.RULE_TRIGGERED
        found.append(abi.RuleTriggered.from_buffer_copy(bytes(element.payload)))
    return found


def test_evidence_says_what_and_when(waf: Waf) -> None:
    add(waf, incident=5, profile=3, target=abi.WafClass.BODY)
    found = waf.harness.stats.evidence[0]
    assert (found.sequence, found.boot_ds) == (1, waf.harness.time.boot_ds)
    assert (found.rule, found.incident, found.profile) == (8, 5, 3)
    assert found.target == abi.WafClass.BODY
    assert waf.harness.stats.evidence_count == 1


def test_severity_and_group_are_the_slots(waf: Waf) -> None:
    producer, _ = waf.harness.listen()
    severity = abi.Severity.HIGH
    waf.table.put([abi.WafRule(number=8, slot=SLOT, group=5, severity=severity)])
    add(waf)
    assert waf.harness.stats.evidence[0].severity == severity
    (event,) = events(waf, producer)
    assert (event.severity, event.group) == (severity, 5)


def test_requests_are_counted_by_group_and_result(waf: Waf) -> None:
    waf.table.put([abi.WafRule(number=8, slot=SLOT, group=5)])
    for result, count in zip(abi.WafResult, (3, 2, 1), strict=True):
        for _ in range(count):
            add(waf, result=result)
    add(waf, slot=SLOT + 1, result=abi.WafResult.LOG)
    counted = waf.harness.stats.rule_group
    assert [*counted[5]] == [3, 2, 1]
    assert [*counted[0]] == [1, 0, 0]


def test_the_last_ones_stay(waf: Waf) -> None:
    count = abi.EVIDENCE_MAX + 10
    for number in range(count):
        add(waf, incident=number)
    kept = {one.sequence: one.incident for one in waf.harness.stats.evidence}
    assert kept == {number + 1: number for number in range(10, count)}


def test_an_event_says_which_rule_and_where_its_evidence_is(waf: Waf) -> None:
    producer, _ = waf.harness.listen()
    add(waf, incident=5, profile=3, mode=abi.Mode.MONITOR)
    (event,) = events(waf, producer)
    assert (event.rule, event.sequence, event.incident) == (8, 1, 5)
    assert (event.profile, event.lcore, event.mode) == (3, 0, abi.Mode.MONITOR)
    assert event.action == abi.WafAction.BLOCK
    assert list(event.client) == [1, *[0] * 15]


def test_of_one_rule_there_is_one_event_a_second(waf: Waf) -> None:
    producer, _ = waf.harness.listen()
    for wait_ds in (0, 9, 1, 0):
        waf.harness.time.boot_ds += wait_ds
        add(waf)
        add(waf, slot=SLOT + 1)
    assert [event.rule for event in events(waf, producer)] == [8, 9, 8, 9]
    assert waf.harness.stats.evidence_count == 8


def test_events_that_find_no_room_are_counted(waf: Waf) -> None:
    waf.harness.listen()
    for number in range(abi.RING_SLOTS + 3):
        add(waf, slot=number)
    assert waf.harness.stats.events_lost == 3


def test_without_a_listener_evidence_is_kept_all_the_same(waf: Waf) -> None:
    add(waf)
    assert waf.harness.stats.evidence_count == 1
    assert waf.harness.stats.events_lost == 0

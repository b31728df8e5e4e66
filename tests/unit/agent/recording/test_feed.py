"""From the rings to events: bounded, whatever comes."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

from api.agent.recording.feed import (
    NOTICES_AT_ONCE,
    RULES_MAX,
    WAITING_MAX,
    WINDOW_MS,
    Feed,
)
from api.agent.recording.journal.event import Event
from dataplane.client import DropSample, Notice
from dataplane.waf.document import rule_id
from tests.support.clock import FakeClock
from tests.support.values.evidence import HIT as A_HIT

HIT = replace(A_HIT, group_index=0, group=None, hits=41)
SAMPLE = DropSample(1, "192.0.2.7", "203.0.113.10", 0, "blacklist", "enforce", "outside", 6)


def test_hits_of_a_rule_are_one_event_for_ten_seconds() -> None:
    clock = FakeClock()
    feed = Feed(clock, lambda _rule: "sqli")
    feed.take([replace(HIT, evidence=None), HIT, HIT])
    clock.pass_ms(WINDOW_MS - 1)
    assert feed.ready() == []
    clock.pass_ms(1)
    (event,) = feed.ready()
    assert event.kind == "rule_triggered"
    assert event.data == {
        "rule_id": rule_id(17),
        "rule_name": "sqli",
        "group": None,
        "severity": "high",
        "action": "block",
        "mode": "enforce",
        "hits": 3,
        "hits_total": 41,
        "window_seconds": 10,
        "client": "192.0.2.7",
        "incident_id": "00000000000000ff",
        "profile": "web",
        "host": "198.51.100.1",
        "port": 80,
        "path": "/search",
        "target": "query",
        "line": "GET /search?q=union+select HTTP/1.1",
        "excerpt": "q=union select",
    }
    assert feed.ready() == []


def test_rules_beyond_those_told_apart_are_one_event() -> None:
    clock = FakeClock()
    feed = Feed(clock)
    feed.take([replace(HIT, rule=number) for number in range(RULES_MAX + 10)])
    clock.pass_ms(WINDOW_MS)
    found = feed.ready()
    assert len(found) == RULES_MAX + 1
    assert found[-1].data == {"rule_id": None, "rule_name": None, "hits": 10}


def test_a_notice_is_an_event_at_once_and_a_flood_of_it_is_counted() -> None:
    clock = FakeClock()
    feed = Feed(clock)
    feed.take([Notice(clock.boot_ms() - 500, "link_changed", 1)] * 100)
    found = feed.ready()
    assert len(found) == NOTICES_AT_ONCE
    assert found[0].at_ms == clock.utc_ms() - 500
    assert found[0].data == {"value": 1}
    clock.pass_ms(1000)
    feed.take([Notice(clock.boot_ms(), "link_changed", 2, "192.0.2.1")])
    (event,) = feed.ready()
    assert event.data == {"value": 2, "address": "192.0.2.1", "left_out": 90}


def test_samples_of_dropped_packets_are_no_events() -> None:
    feed = Feed(FakeClock())
    feed.take([SAMPLE] * 1000)
    assert feed.ready() == []


def test_what_waits_for_the_disk_is_bounded_and_loses_its_oldest() -> None:
    feed = Feed(FakeClock())
    events = [Event("link_changed", number, {}) for number in range(WAITING_MAX)]
    for event in events:
        feed.add(event)
    found = feed.ready()
    feed.add(Event("link_changed", -1, {}))
    feed.give_back(found)
    again = feed.ready()
    assert [each.at_ms for each in again] == [*range(1, WAITING_MAX), -1]
    assert feed.lost == 1


def test_a_million_hits_and_samples_leave_its_memory_bounded() -> None:
    clock = FakeClock()
    feed = Feed(clock)
    recorded = 0
    hits = [replace(HIT, rule=number) for number in range(5000)]
    tracemalloc.start()
    try:
        for turn in range(1000):
            feed.take(hits[turn % 10 * 500 :][:500])
            feed.take([SAMPLE] * 500)
            clock.pass_ms(100)
            recorded += len(feed.ready())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert recorded <= 10 * (RULES_MAX + 1)
    assert peak < 8 << 20

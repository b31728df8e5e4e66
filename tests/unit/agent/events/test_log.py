"""Every event is counted; the log takes what there is room for, and says what it left out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from api.agent.events.log import HITS_PER_S, NOTICES_PER_S, SAMPLES_PER_S, EventLog
from api.agent.metrics.tally import AgentTally
from dataplane.client import DropSample, Notice
from tests.support.values.evidence import HIT

SAMPLE = DropSample(
    boot_ms=1,
    client="192.0.2.7",
    protected="198.51.100.1",
    profile=0,
    reason="blacklist",
    mode="enforce",
    port="outside",
    protocol=6,
)


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tally() -> AgentTally:
    return AgentTally()


@pytest.fixture
def log(tally: AgentTally, clock: Clock) -> EventLog:
    return EventLog(tally, clock)


def counts(tally: AgentTally) -> dict[str, float]:
    return {kind: count for (kind,), count in tally.events() if count}


def test_events_become_lines_with_their_fields(log: EventLog, tally: AgentTally) -> None:
    with capture_logs() as lines:
        log.take([SAMPLE, Notice(boot_ms=2, kind="rejected", value=9)])
    sample, notice = lines
    assert (sample["event"], sample["log_level"]) == ("drop_sample", "info")
    assert (sample["client"], sample["reason"]) == ("192.0.2.7", "blacklist")
    assert (notice["event"], notice["log_level"], notice["value"]) == ("rejected", "warning", 9)
    assert counts(tally) == {"drop_sample": 1, "rejected": 1}


def test_a_flood_is_counted_and_its_lines_are_bounded(
    log: EventLog, tally: AgentTally, clock: Clock
) -> None:
    with capture_logs() as lines:
        log.take([SAMPLE] * 1000)
        assert len(lines) == SAMPLES_PER_S
        clock.now_s += 1
        log.take([SAMPLE] * 1000)
    unlogged = [line["count"] for line in lines if line["event"] == "events_unlogged"]
    assert unlogged == [1000 - SAMPLES_PER_S]
    assert len(lines) == 2 * SAMPLES_PER_S + 1
    assert counts(tally) == {"drop_sample": 2000}
    assert tally.unlogged == 2000 - 2 * SAMPLES_PER_S


def test_samples_leave_notices_their_room(log: EventLog) -> None:
    with capture_logs() as lines:
        log.take([SAMPLE] * 1000 + [Notice(1, "draining", 0)] * NOTICES_PER_S)
    assert sum(line["event"] == "draining" for line in lines) == NOTICES_PER_S


def test_room_does_not_pile_up(log: EventLog, clock: Clock) -> None:
    clock.now_s += 3600
    with capture_logs() as lines:
        log.take([SAMPLE] * 1000)
    assert len(lines) == SAMPLES_PER_S


def test_unknown_kinds_can_not_make_labels(log: EventLog, tally: AgentTally) -> None:
    events: list[Any] = [Notice(1, f"kind_{i}", 0) for i in range(100)]
    log.take(events)
    assert counts(tally) == {"other": 100}


def test_a_hit_is_logged_under_the_rules_id_with_what_was_matched(
    log: EventLog, tally: AgentTally
) -> None:
    with capture_logs() as lines:
        log.take([HIT, replace(HIT, evidence=None)])
    assert lines[0] == {
        "event": "rule_triggered",
        "log_level": "info",
        "rule": "rule_17",
        "group": "xss",
        "action": "block",
        "severity": "high",
        "hits": 12,
        "mode": "enforce",
        "client": "192.0.2.7",
        "incident": "00000000000000ff",
        "boot_ms": 900_000,
        "profile": "web",
        "protected": "198.51.100.1",
        "path": "/search",
        "target": "query",
        "line": "GET /search?q=union+select HTTP/1.1",
        "excerpt": "q=union select",
    }
    assert "line" not in lines[1]
    assert counts(tally) == {"rule_triggered": 2}


def test_a_flood_of_hits_leaves_room_for_notices(log: EventLog, tally: AgentTally) -> None:
    with capture_logs() as lines:
        log.take([HIT] * (HITS_PER_S + 5) + [Notice(boot_ms=2, kind="rejected", value=9)])
    assert len(lines) == HITS_PER_S + 2
    assert lines[-1]["event"] == "rejected"
    assert tally.unlogged == 5

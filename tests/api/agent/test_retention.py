"""What is removed, and that it is bounded."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Table, func, insert, select

from api.agent.recording.feed import Feed
from api.agent.recording.journal.event import KINDS, Event
from api.agent.recording.journal.journal import Journal
from api.agent.recording.journal.keep import Keep
from api.agent.recording.journal.retention import DAY_MS, STEP_ROWS, Retention
from api.history.tables import captures, deliveries, events, incidents
from dataplane.client import DropSample, RuleTriggered
from tests.support.clock import FakeClock

NOW = 1_764_000_000_000
URL = "http://127.0.0.1:1/"
HIT = RuleTriggered(
    rule=7,
    incident="",
    client="192.0.2.7",
    profile=0,
    action="block",
    mode="enforce",
    lcore=0,
    sequence=1,
    severity="high",
    group_index=0,
)
SAMPLE = DropSample(1, "192.0.2.7", "203.0.113.10", 0, "blacklist", "enforce", "outside", 6)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    found = Journal(tmp_path / "events.db", [URL], KINDS)
    found.turn()
    yield found
    found.close()


def count(journal: Journal, table: Table) -> int:
    with journal.read() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def prune(journal: Journal, keep: Keep, now_ms: int = NOW) -> None:
    retention = Retention(journal, keep)
    while removed := retention.step(now_ms):
        assert removed <= 4 * STEP_ROWS


def add_incidents(journal: Journal, *ages_days: int, state: str = "ended") -> None:
    with journal.write() as connection:
        for number, days in enumerate(ages_days):
            at = NOW - days * DAY_MS
            row = {"id": f"{state}-{number}", "type": "syn_flood", "target": "x", "profile": "p"}
            row |= {"state": state, "instance": "i", "started_at": at, "detected_at": at}
            row |= {"updated_at": at, "dropped": 0, "document": "{}"}
            connection.execute(insert(incidents).values(row))
            for packet in range(3):
                captured = {"incident_id": row["id"], "at_ns": packet, "reason": "r", "mode": "m"}
                captured |= {"port": "outside", "length": 1, "data": b"x"}
                connection.execute(insert(captures).values(captured))


def test_events_go_by_age_and_by_number_with_their_deliveries(journal: Journal) -> None:
    old, new = NOW - 31 * DAY_MS, NOW - 1
    journal.record([], [Event("link_changed", old, {})] * 700)
    journal.record([], [Event("link_changed", new, {})] * 50)
    prune(journal, Keep())
    assert (count(journal, events), count(journal, deliveries)) == (50, 50)
    prune(journal, Keep(events_max=20))
    assert (count(journal, events), count(journal, deliveries)) == (20, 20)


def test_deliveries_are_forgotten_before_their_events_but_not_what_waits(journal: Journal) -> None:
    journal.record([], [Event("link_changed", NOW, {})] * 30)
    with journal.write() as connection:
        done = deliveries.c.event_sequence <= 25
        connection.execute(deliveries.update().where(done).values(state="delivered"))
    prune(journal, Keep(deliveries_max=10))
    assert count(journal, events) == 30
    with journal.read() as connection:
        left = connection.execute(select(deliveries.c.event_sequence)).scalars().all()
    assert left == list(range(21, 31))


def test_attacks_go_by_age_with_their_packets_but_not_those_that_go_on(journal: Journal) -> None:
    add_incidents(journal, 400, 397, 395, 1)
    add_incidents(journal, 400, state="active")
    prune(journal, Keep())
    assert (count(journal, incidents), count(journal, captures)) == (3, 9)


def test_attacks_go_by_number_the_oldest_first(journal: Journal) -> None:
    add_incidents(journal, *range(120, 0, -1))
    prune(journal, Keep(incidents_max=100))
    assert (count(journal, incidents), count(journal, captures)) == (100, 300)
    with journal.read() as connection:
        oldest = connection.execute(select(func.min(incidents.c.started_at))).scalar()
    assert oldest == NOW - 100 * DAY_MS


def test_packets_of_all_attacks_are_bounded(journal: Journal) -> None:
    add_incidents(journal, *range(40))
    prune(journal, Keep(captures_max=50))
    assert count(journal, captures) == 50
    assert count(journal, incidents) == 40


def test_a_million_hits_and_samples_leave_database_and_memory_bounded(
    journal: Journal, tmp_path: Path
) -> None:
    """A hundred seconds of 10,000 events each, as fast as they can be taken."""
    clock = FakeClock()
    feed = Feed(clock)
    retention = Retention(journal, Keep(events_max=1_000))
    hits = [replace(HIT, rule=number) for number in range(1, 1_001)]
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(1_000):
        feed.take(hits[:500])
        feed.take([SAMPLE] * 500)
        clock.pass_ms(100)
        journal.record([], feed.ready())
        retention.step(clock.utc_ms())
    assert count(journal, events) <= 1_000 + 257
    assert count(journal, deliveries) <= 5_000 + 257
    size = sum(path.stat().st_size for path in tmp_path.glob("events.db*"))
    assert size < 8 << 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib < 20_480

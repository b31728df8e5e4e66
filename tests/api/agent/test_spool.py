"""Incidents that wait for an orchestrator's acknowledgement."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from api.agent.fleet.reporting.spool import BATCH_CHARACTERS_MAX, BATCH_MAX, OLD_MS, Spool
from api.agent.recording.journal.journal import Journal, Row
from tests.support.clock import FakeClock


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    found = Journal(tmp_path / "events.db")
    found.turn()
    yield found
    found.close()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def spool(journal: Journal, clock: FakeClock) -> Spool:
    return Spool(journal, clock)


def row(number: int, at_ms: int, text: str = "") -> Row:
    incident = f"attack_{number:016x}"
    return {
        "id": incident,
        "type": "syn_flood",
        "target": "x",
        "profile": "p",
        "state": "active",
        "instance": "i",
        "started_at": at_ms,
        "detected_at": at_ms,
        "updated_at": at_ms,
        "dropped": 0,
        "document": f'{{"id": "{incident}", "text": "{text}"}}',
    }


def record(journal: Journal, clock: FakeClock, *numbers: int, text: str = "") -> None:
    journal.record([row(number, clock.utc_ms(), text) for number in numbers], [])


def waiting(spool: Spool) -> list[int]:
    return [int(each["id"].removeprefix("attack_"), 16) for each in spool.pending()]


def take(spool: Spool, *numbers: int) -> None:
    spool.taken([f"attack_{number:016x}" for number in numbers])


def test_what_is_not_acknowledged_is_told_again(
    journal: Journal, spool: Spool, clock: FakeClock
) -> None:
    record(journal, clock, 1, 2)
    assert waiting(spool) == [1, 2]
    assert waiting(spool) == [1, 2]
    take(spool, 1, 2)
    assert waiting(spool) == []


def test_what_has_changed_is_told_again(journal: Journal, spool: Spool, clock: FakeClock) -> None:
    record(journal, clock, 1, 2)
    waiting(spool)
    record(journal, clock, 1, text="newer")  # after it was sent, before it is acknowledged
    take(spool, 1, 2)
    (found,) = spool.pending()
    assert found["text"] == "newer"


def test_it_goes_on_where_it_was_after_a_restart(
    journal: Journal, spool: Spool, clock: FakeClock
) -> None:
    record(journal, clock, 1, 2)
    waiting(spool)
    take(spool, 1)
    assert waiting(Spool(journal, clock)) == [2]


def test_acknowledgement_may_name_versions(
    journal: Journal, spool: Spool, clock: FakeClock
) -> None:
    record(journal, clock, 1)
    (found,) = spool.pending()
    spool.taken([{"id": found["id"], "updated_at": "2026-01-01T00:00:00.000Z"}])
    assert waiting(spool) == []


def test_a_gap_in_what_is_acknowledged_is_told_again(
    journal: Journal, spool: Spool, clock: FakeClock
) -> None:
    record(journal, clock, 1, 2, 3)
    waiting(spool)
    take(spool, 1, 3)
    assert not spool.has_more
    assert waiting(spool) == [2, 3]


def test_many_are_told_in_turns(journal: Journal, spool: Spool, clock: FakeClock) -> None:
    record(journal, clock, *range(1, 251))
    told = []
    while numbers := waiting(spool):
        assert len(numbers) <= BATCH_MAX
        assert spool.has_more == (len(told) + len(numbers) < 250)
        take(spool, *numbers)
        told += numbers
    assert told == list(range(1, 251))


def test_a_batch_is_bounded_in_size(journal: Journal, spool: Spool, clock: FakeClock) -> None:
    record(journal, clock, *range(1, 11), text="x" * (BATCH_CHARACTERS_MAX // 4))
    assert waiting(spool) == [1, 2, 3]
    assert spool.has_more


def test_incident_that_is_not_wanted_is_left_out(
    journal: Journal, spool: Spool, clock: FakeClock
) -> None:
    record(journal, clock, *range(1, 9))
    sent = []
    for _ in range(4):  # 8, 4, 2, 1: the first is the one
        sent.append(waiting(spool))
        spool.refused()
    assert [len(each) for each in sent] == [8, 4, 2, 1]
    take(spool, *waiting(spool))
    assert waiting(spool) == list(range(3, 9))


def test_new_node_does_not_tell_what_is_long_over(
    journal: Journal, spool: Spool, clock: FakeClock
) -> None:
    record(journal, clock, 1, 2)
    clock.pass_ms(OLD_MS + 1)
    record(journal, clock, 3)
    assert waiting(spool) == [3]


def test_while_the_disk_is_broken_nothing_is_told(tmp_path: Path, clock: FakeClock) -> None:
    spool = Spool(Journal(tmp_path / "away" / "events.db"), clock)
    assert spool.pending() == []
    spool.taken([])
    assert not spool.has_more

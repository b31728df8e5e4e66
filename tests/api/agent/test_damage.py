"""A damaged ``events.db`` is put aside, and a new one is begun; nothing else ends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import func, select

from api.agent.fleet.reporting.spool import Spool
from api.agent.recording.attacks.incidents import IncidentKeeper, Sight
from api.agent.recording.journal.event import ATTACK_DETECTED, ATTACK_ENDED, NODE_HEALTH, Event
from api.agent.recording.journal.journal import DAMAGE_TOLD_MS, Journal
from api.common.disk import StorageError
from api.history.tables import events, incidents
from api.storage.sqlite.damage import KEPT_MAX
from tests.support.clock import FakeClock
from tests.support.values.incidents import SYN_FLOOD, ended

MANY = 400
"""Events: more than the pages that one writer keeps in its cache."""


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def journal(tmp_path: Path, clock: FakeClock) -> Iterator[Journal]:
    found = Journal(tmp_path / "events.db", clock=clock)
    found.turn()
    found.record([], [Event(NODE_HEALTH, at, {"text": "x" * 4000}) for at in range(MANY)])
    yield found
    found.close()


def damage(path: Path) -> None:
    """All but its head, and its log with it: as of a disk that has lost blocks."""
    path.with_name(path.name + "-wal").unlink(missing_ok=True)
    path.with_name(path.name + "-shm").unlink(missing_ok=True)
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (size - 4096))


def aside(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.glob("events.db.corrupt-*Z"))


def count(journal: Journal) -> int:
    with journal.read() as connection:
        return int(connection.execute(select(func.count()).select_from(events)).scalar_one())


@pytest.mark.parametrize("content", [b"no database at all" * 1000, None])
def test_one_that_is_damaged_at_the_start_is_put_aside(
    tmp_path: Path, journal: Journal, clock: FakeClock, content: bytes | None
) -> None:
    path = tmp_path / "events.db"
    journal.close()
    if content is None:
        damage(path)
    else:
        path.write_bytes(content)
    again = Journal(path, clock=clock)
    again.turn()
    assert again.is_open
    again.record([], [Event(NODE_HEALTH, 1, {})])
    assert count(again) == 1
    assert len(aside(tmp_path)) == 1
    again.close()


def test_one_that_is_damaged_while_it_is_used_is_put_aside_and_recording_goes_on(
    tmp_path: Path, journal: Journal, clock: FakeClock
) -> None:
    journal.close()  # its pages are in the file, and nowhere else
    damage(tmp_path / "events.db")
    with pytest.raises(StorageError):
        count(journal)
    assert not journal.is_open
    journal.turn()
    assert journal.is_open
    journal.record([], [Event(NODE_HEALTH, 1, {})])
    assert count(journal) == 1
    assert journal.begun_anew == 1


def test_the_node_is_degraded_for_a_time_also_with_the_next_agent(
    tmp_path: Path, journal: Journal, clock: FakeClock
) -> None:
    assert not journal.was_damaged
    journal.close()
    damage(tmp_path / "events.db")
    with pytest.raises(StorageError):
        count(journal)
    again = Journal(tmp_path / "events.db", clock=clock)
    for one in (journal, again):
        assert one.was_damaged
    clock.pass_ms(DAMAGE_TOLD_MS + 1000)
    for one in (journal, again):
        assert not one.was_damaged


def test_of_damaged_ones_the_newest_are_kept(
    tmp_path: Path, journal: Journal, clock: FakeClock
) -> None:
    for _ in range(KEPT_MAX + 2):
        clock.pass_ms(5_000)
        journal.close()
        (tmp_path / "events.db").write_bytes(b"no database at all" * 1000)
        journal = Journal(tmp_path / "events.db", clock=clock)
        journal.turn()
    journal.close()
    assert len(aside(tmp_path)) == KEPT_MAX
    assert aside(tmp_path)[-1].endswith("Z")


def test_what_the_data_plane_still_knows_is_recorded_again_and_not_told_again(
    tmp_path: Path, journal: Journal
) -> None:
    keeper = IncidentKeeper(journal)
    over = replace(ended(SYN_FLOOD), id="attack_0000000000000001")
    sight = Sight("boot", (SYN_FLOOD, over), is_whole=True)
    told = keeper.turn(sight, 1)
    assert [each.kind for each in told] == [ATTACK_DETECTED, ATTACK_DETECTED, ATTACK_ENDED]
    journal.close()
    damage(tmp_path / "events.db")
    with pytest.raises(StorageError):
        count(journal)
    journal.turn()
    assert keeper.turn(sight, 2) == []
    with journal.read() as connection:
        found = connection.execute(select(incidents.c.id, incidents.c.state)).all()
    assert sorted(map(tuple, found)) == [(over.id, "ended"), (SYN_FLOOD.id, "active")]
    assert [each.kind for each in keeper.turn(Sight("boot", (ended(), over), True), 3)] == [
        ATTACK_ENDED
    ]


def test_an_orchestrator_is_told_again_what_is_recorded_again(
    tmp_path: Path, journal: Journal, clock: FakeClock
) -> None:
    keeper, spool = IncidentKeeper(journal), Spool(journal, clock)
    sight = Sight("boot", (replace(SYN_FLOOD, updated_at=clock.utc_ms()),), is_whole=True)
    keeper.turn(sight, 1)
    spool.taken([each["id"] for each in spool.pending()])
    assert spool.pending() == []
    journal.close()
    damage(tmp_path / "events.db")
    with pytest.raises(StorageError):
        count(journal)
    journal.turn()
    keeper.turn(sight, 2)
    assert [each["id"] for each in spool.pending()] == [SYN_FLOOD.id]

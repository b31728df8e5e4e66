"""Incidents of the data plane's table, as they come into events.db."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from api.agent.recording.attacks.incidents import REFRESH_MS, IncidentKeeper, Sight
from api.agent.recording.journal.journal import Journal
from api.common.attacks import attack_document
from api.common.disk import DiskError, StorageError
from api.history.tables import events, incidents
from dataplane.shared.incidents import Incident
from tests.support.values.incidents import SYN_FLOOD, ended

OTHER = replace(SYN_FLOOD, id="attack_00000000000000ff", number=2, target="203.0.113.11")
NOW = SYN_FLOOD.updated_at


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    found = Journal(tmp_path / "events.db")
    found.turn()
    yield found
    found.close()


def whole(*found: Incident, instance: str = "boot:1") -> Sight:
    return Sight(instance, found, is_whole=True)


def changed(*found: Incident) -> Sight:
    return Sight("boot:1", found, is_whole=False)


def rows(journal: Journal) -> dict[str, Any]:
    with journal.read() as connection:
        return {row.id: row for row in connection.execute(select(incidents))}


def told(journal: Journal) -> list[tuple[str, str]]:
    with journal.read() as connection:
        query = select(events.c.kind, events.c.incident_id).order_by(events.c.sequence)
        return [tuple(row) for row in connection.execute(query)]


def look(keeper: IncidentKeeper, *sights: Sight, now_ms: int = NOW) -> None:
    for sight in sights:
        keeper.turn(sight, now_ms)


def test_an_attack_is_recorded_when_it_is_seen_and_when_it_ends(journal: Journal) -> None:
    keeper = IncidentKeeper(journal)
    look(keeper, whole(SYN_FLOOD))
    assert told(journal) == [("attack_detected", SYN_FLOOD.id)]
    row = rows(journal)[SYN_FLOOD.id]
    assert json.loads(row.document) == attack_document(SYN_FLOOD)
    assert (row.state, row.dropped, row.ended_at) == ("active", 190_000, None)
    look(keeper, changed(ended()), whole(ended()))
    assert told(journal)[1:] == [("attack_ended", SYN_FLOOD.id)]
    row = rows(journal)[SYN_FLOOD.id]
    assert (row.state, row.ended_at) == ("ended", ended().ended_at)


def test_an_attack_that_goes_on_is_written_now_and_then(journal: Journal) -> None:
    keeper = IncidentKeeper(journal)
    look(keeper, whole(SYN_FLOOD))
    later = replace(SYN_FLOOD, version=3, updated_at=NOW + 1000)
    look(keeper, changed(later), now_ms=NOW + REFRESH_MS - 1)
    assert rows(journal)[SYN_FLOOD.id].updated_at == NOW
    look(keeper, changed(later), now_ms=NOW + REFRESH_MS)
    assert rows(journal)[SYN_FLOOD.id].updated_at == NOW + 1000
    assert len(told(journal)) == 1


def test_what_began_and_ended_while_nobody_looked_is_told_twice(journal: Journal) -> None:
    look(IncidentKeeper(journal), whole(ended()))
    assert [kind for kind, _ in told(journal)] == ["attack_detected", "attack_ended"]


def test_another_agent_tells_nothing_again(journal: Journal) -> None:
    look(IncidentKeeper(journal), whole(SYN_FLOOD, ended(OTHER)))
    before = told(journal)
    look(IncidentKeeper(journal), whole(SYN_FLOOD, ended(OTHER)), whole(SYN_FLOOD, ended(OTHER)))
    assert told(journal) == before
    assert {row.state for row in rows(journal).values()} == {"active", "ended"}


def test_an_attack_whose_data_plane_died_is_ended_by_its_restart(journal: Journal) -> None:
    look(IncidentKeeper(journal), whole(SYN_FLOOD))
    keeper = IncidentKeeper(journal)
    look(keeper, whole(instance="boot:2"))
    assert rows(journal)[SYN_FLOOD.id].state == "active"  # one look is not enough
    look(keeper, whole(instance="boot:2"))
    row = rows(journal)[SYN_FLOOD.id]
    document = json.loads(row.document)
    assert (row.state, document["state"]) == ("ended", "ended")
    assert document["ended_by"] == "data plane restarted"
    assert row.ended_at == SYN_FLOOD.updated_at
    assert told(journal)[-1] == ("attack_ended", SYN_FLOOD.id)


def test_the_same_keeper_sees_the_data_plane_come_back(journal: Journal) -> None:
    keeper = IncidentKeeper(journal)
    look(keeper, whole(SYN_FLOOD), whole(OTHER, instance="boot:2"), whole(OTHER, instance="boot:2"))
    found = {id_: row.state for id_, row in rows(journal).items()}
    assert found == {SYN_FLOOD.id: "ended", OTHER.id: "active"}


def test_an_attack_that_left_the_table_unseen_is_ended_so(journal: Journal) -> None:
    look(IncidentKeeper(journal), whole(SYN_FLOOD))
    look(IncidentKeeper(journal), *[whole(OTHER)] * 2)
    assert json.loads(rows(journal)[SYN_FLOOD.id].document)["ended_by"] == "unseen"


def test_an_attack_that_one_look_missed_goes_on(journal: Journal) -> None:
    keeper = IncidentKeeper(journal)
    look(keeper, whole(SYN_FLOOD, OTHER), whole(OTHER), whole(SYN_FLOOD, OTHER), whole(OTHER))
    assert rows(journal)[SYN_FLOOD.id].state == "active"


def test_what_could_not_be_written_is_written_later_once(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper = IncidentKeeper(journal)
    with monkeypatch.context() as patch:

        def refuse(_rows: Sequence[object], _made: Sequence[object]) -> None:
            raise DiskError(Path("/"), 28)

        patch.setattr(journal, "record", refuse)
        with pytest.raises(StorageError):
            look(keeper, whole(SYN_FLOOD))
    look(keeper, whole(SYN_FLOOD), whole(SYN_FLOOD))
    assert told(journal) == [("attack_detected", SYN_FLOOD.id)]


def test_what_was_carried_out_stands_in_the_document(journal: Journal) -> None:
    done = {"state": "active", "until": None, "entries": 2}
    look(IncidentKeeper(journal, lambda _id: done), whole(SYN_FLOOD))
    document = json.loads(rows(journal)[SYN_FLOOD.id].document)
    assert document["response"] == {"kind": "none", "mode": "enforce", **done}


def test_what_is_taken_back_after_the_end_is_written_without_an_event(journal: Journal) -> None:
    done = {"state": "active", "until": None, "entries": 2}
    keeper = IncidentKeeper(journal, lambda _id: dict(done))
    look(keeper, whole(SYN_FLOOD), whole(ended()))
    done["state"] = "ended"
    look(keeper, whole(ended()), whole(ended()))
    assert json.loads(rows(journal)[SYN_FLOOD.id].document)["response"]["state"] == "ended"
    assert len(told(journal)) == 2

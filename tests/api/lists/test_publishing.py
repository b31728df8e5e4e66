"""From commit to the state log: no acknowledged change is lost, none is published twice."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path
from typing import Any

import pytest

from api.management.database.tables import outbox
from api.management.revisions.publisher import Publisher
from api.management.settings import ApiSettings
from dataplane.base.networks import Network
from dataplane.statelog import Put, Remove, StateLogError, StateLogReader, StateLogWriter
from tests.support.clock import FakeClock

from ..conftest import Api, FakeDataplane


def state(api: Api) -> tuple[dict[str, int], int, Any]:
    """What a data plane would load: networks with the revision that brought them, and the last."""
    reader = StateLogReader(api.settings.state_log)
    generation = reader.generations()[0]
    found: dict[str, int] = {}
    with reader.snapshot(generation) as snapshot:
        last, identity = snapshot.revision, snapshot.database_id
        for batch in snapshot.chunks():
            found.update((str(entry.network), last) for entry in batch)
    with reader.log(generation) as log:
        while lines := log.lines():
            for line in lines:
                assert line.revision > last
                last = line.revision
                for change in line.changes:
                    if isinstance(change, Put):
                        found[str(change.network)] = last
                    elif isinstance(change, Remove):
                        found.pop(str(change.network), None)
    return found, last, identity


def outbox_size(api: Api) -> int:
    with api.node.database.read() as connection:
        return len(list(connection.execute(outbox.select())))


class BrokenDisk:
    """Makes appends fail for as long as it is switched on."""

    def __init__(self, patch: pytest.MonkeyPatch, method: str = "append") -> None:
        self.on = True
        original = getattr(StateLogWriter, method)

        def failing(writer: StateLogWriter, *arguments: Any) -> Any:
            if self.on:
                writer.close()
                raise StateLogError("no space left on device")
            return original(writer, *arguments)

        patch.setattr(StateLogWriter, method, failing)


def test_the_log_has_every_change_in_order(api: Api) -> None:
    api.ban("192.0.2.1")
    api.ban("192.0.2.2")
    api.delete("/blacklist/192.0.2.1")
    found, last, identity = state(api)
    assert (found, last) == ({"192.0.2.2": 2}, 3)
    assert str(identity) == api.get("/status").json["database_id"]
    assert api.plane.announced == [1, 2, 3]
    api.node.housekeeper.turn()
    assert outbox_size(api) == 0


def test_a_slow_data_plane_makes_writes_pending(api: Api) -> None:
    api.plane.slow = True
    answer = api.ban("192.0.2.1")
    assert (answer.status_code, answer.json["state"]) == (202, "pending")
    assert answer.headers["Location"] == "/api/v1/revisions/1"
    assert api.get("/revisions/1").json["state"] == "pending"
    gone = api.delete("/blacklist/192.0.2.1")
    assert (gone.status_code, gone.headers["Location"]) == (202, "/api/v1/revisions/2")
    api.plane.slow = False
    api.plane.applied = 2
    api.plane.database_id = api.node.publisher.database_id
    assert api.get("/revisions/1").json["state"] == "in_force"


def test_an_import_still_loading_is_pending_and_what_came_after_is_not(api: Api) -> None:
    api.bring("192.0.2.1\n")
    api.ban("192.0.2.2")
    api.plane.loading = 1
    assert api.get("/blacklist/192.0.2.1").json["state"] == "pending"
    assert api.get("/blacklist/192.0.2.2").json["state"] == "in_force"


def test_without_a_data_plane_writes_are_pending(api: Api) -> None:
    api.plane.away = True
    assert api.ban("192.0.2.1").status_code == 202
    assert api.get("/blacklist/192.0.2.1").json["state"] == "pending"
    assert state(api)[0] == {"192.0.2.1": 1}


def test_another_database_in_the_data_plane_is_not_ours(api: Api) -> None:
    api.ban("192.0.2.1")
    api.plane.database_id = uuid.uuid4()
    assert api.get("/blacklist/192.0.2.1").json["state"] == "pending"
    assert api.get("/status").json["revision"]["applied"] is None


def test_an_unknown_revision_is_404(api: Api) -> None:
    for number in ("1", "x", "-1", "9" * 40):
        assert api.get(f"/revisions/{number}").status_code == 404


def test_a_change_that_is_not_in_the_log_is_not_acknowledged_and_comes_later(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.ban("192.0.2.1")
    disk = BrokenDisk(monkeypatch)
    answer = api.ban("192.0.2.2")
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert outbox_size(api) == 1
    refused = api.ban("192.0.2.3")
    assert refused.status_code == 503, "nothing new is committed before the log works again"
    disk.on = False
    api.node.housekeeper.turn()
    assert state(api)[:2] == ({"192.0.2.1": 1, "192.0.2.2": 2}, 2)
    assert outbox_size(api) == 0
    assert api.ban("192.0.2.3").status_code == 201


def test_the_next_write_publishes_what_was_left_first(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = BrokenDisk(monkeypatch)
    api.ban("192.0.2.1")
    disk.on = False
    assert api.ban("192.0.2.2").status_code == 201
    assert state(api)[:2] == ({"192.0.2.1": 1, "192.0.2.2": 2}, 2)


def test_a_crash_between_commit_and_append_is_made_good_at_start(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.ban("192.0.2.1")
    with monkeypatch.context() as patch:
        BrokenDisk(patch)
        api.ban("192.0.2.2")
        assert state(api)[0] == {"192.0.2.1": 1}
    again = api.restart()
    try:
        assert state(again)[:2] == ({"192.0.2.1": 1, "192.0.2.2": 2}, 2)
        assert outbox_size(again) == 0
    finally:
        again.close()


def test_a_crash_between_append_and_clearing_publishes_nothing_twice(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Publisher, "_clear_outbox", lambda *_: None)
        api.ban("192.0.2.1")
        assert outbox_size(api) == 1
    again = api.restart()
    try:
        assert state(again)[:2] == ({"192.0.2.1": 1}, 1), "state() refuses a repeated revision"
        assert outbox_size(again) == 0
    finally:
        again.close()


def test_a_start_without_a_log_writes_a_snapshot_of_everything(api: Api) -> None:
    api.ban("192.0.2.1", duration_seconds=60)
    api.bring("192.0.2.2\n")
    api.close()
    shutil.rmtree(api.settings.state_log)
    again = api.restart()
    try:
        found, last, identity = state(again)
        assert (set(found), last) == ({"192.0.2.1", "192.0.2.2"}, 2)
        assert identity == again.node.publisher.database_id
    finally:
        again.close()


def test_a_log_that_was_cut_is_replaced_by_a_snapshot(api: Api) -> None:
    api.ban("192.0.2.1")
    api.ban("192.0.2.2")
    (log,) = api.settings.state_log.glob("*.log.ndjson")
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join(lines[:-1]))
    again = api.restart()
    try:
        assert set(state(again)[0]) == {"192.0.2.1", "192.0.2.2"}
    finally:
        again.close()


def test_a_restored_older_database_gets_a_new_identity_and_a_full_reload(
    api: Api, settings: ApiSettings
) -> None:
    api.ban("192.0.2.1")
    before = api.node.publisher.database_id
    api.close()
    backup = settings.database.read_bytes()
    later = api.restart()
    later.ban("192.0.2.2")
    later.close()
    settings.database.write_bytes(backup)
    restored = api.restart()
    try:
        found, last, identity = state(restored)
        assert (set(found), last) == ({"192.0.2.1"}, 1)
        assert identity not in (None, before)
        assert restored.get("/status").json["database_id"] == str(identity)
    finally:
        restored.close()


def test_a_backup_of_database_and_log_is_noticed_by_what_is_in_force(
    api: Api, settings: ApiSettings, tmp_path: Path
) -> None:
    api.ban("192.0.2.1")
    api.close()
    database, log = settings.database.read_bytes(), tmp_path / "backup"
    shutil.copytree(settings.state_log, log)
    later = api.restart()
    later.ban("192.0.2.2")
    before = later.node.publisher.database_id
    later.close()
    settings.database.write_bytes(database)
    shutil.rmtree(settings.state_log)
    shutil.copytree(log, settings.state_log)
    restored = api.restart()
    try:
        found, last, identity = state(restored)
        assert (set(found), last) == ({"192.0.2.1"}, 1)
        assert identity not in (None, before)
    finally:
        restored.close()


def test_the_log_is_compacted_when_reading_it_has_become_dear(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.ban("192.0.2.1")
    api.ban("192.0.2.2")
    api.delete("/blacklist/192.0.2.1")
    monkeypatch.setattr(StateLogWriter, "should_compact", lambda _: True)
    api.node.housekeeper.turn()
    reader = StateLogReader(api.settings.state_log)
    with reader.snapshot(reader.generations()[0]) as snapshot:
        networks = [str(entry.network) for batch in snapshot.chunks() for entry in batch]
    assert networks == ["192.0.2.2"]
    assert api.ban("192.0.2.3").status_code == 201
    assert set(state(api)[0]) == {"192.0.2.2", "192.0.2.3"}


def test_deadlines_reach_the_log_as_they_were_set(api: Api, clock: FakeClock) -> None:
    api.ban("192.0.2.1", duration_seconds=60)
    reader = StateLogReader(api.settings.state_log)
    with reader.log(reader.generations()[0]) as log:
        (line,) = log.lines()
    (change,) = line.changes
    assert isinstance(change, Put)
    assert change.network == Network.parse("192.0.2.1")
    assert change.deadline is not None
    assert change.deadline.remaining_ms(clock) == 60_000


def test_the_log_is_not_compacted_while_the_data_plane_loads_an_import(
    api: Api, plane: FakeDataplane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(StateLogWriter, "should_compact", lambda _: True)
    before = generation_of(api)
    plane.slow = True
    plane.loading = api.bring("192.0.2.1\n192.0.2.2").json["revision"]
    api.node.housekeeper.turn()
    assert generation_of(api) == before, "it has not even read the line"
    plane.database_id, plane.applied = api.node.publisher.database_id, plane.loading
    api.node.housekeeper.turn()
    assert generation_of(api) == before
    plane.degraded = ("state_log",)
    api.node.housekeeper.turn()
    assert generation_of(api) > before, "a new generation is what mends that"
    before = generation_of(api)
    plane.degraded, plane.loading = (), 0
    api.node.housekeeper.turn()
    assert generation_of(api) == before + 1


def generation_of(api: Api) -> int:
    return StateLogReader(api.settings.state_log).generations()[0]

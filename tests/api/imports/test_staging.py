"""Imports: whole or not at all, and never in the way of a ban."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from api.management.lists.bulk import Bulk
from api.management.lists.importing import program, stage
from dataplane.statelog import Import
from tests.api.imports.imports_support import (
    BODY,
    between_chunks,
    listed,
    logged,
)
from tests.support.clock import FakeClock

from ..conftest import Api
from ..lists.lists_model import check_totals


def test_a_replacing_import_that_fails_half_way_leaves_everything(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.bring(BODY, query="?reason=one")
    with monkeypatch.context() as patch:
        patch.setattr(program.FileJob, "run", lambda *_: 1 / 0)
        assert api.bring(BODY, query="?reason=two&on_conflict=replace").status_code == 500
    assert {each["reason"] for each in api.get("/blacklist").json["blacklist"]} == {"one"}
    assert api.bring(BODY, query="?reason=two&on_conflict=replace").json["replaced"] == 3
    check_totals(api)


def test_entries_are_not_purged_while_an_import_renews_them(
    api: Api, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.bring(BODY, query="?duration_seconds=60")

    def end() -> None:
        clock.pass_ms(60_000)
        api.node.housekeeper.turn()

    between_chunks(monkeypatch, end, after=2)
    assert api.bring(BODY, query="?duration_seconds=600&on_conflict=replace").status_code == 201
    assert logged(api)[-1][1].skip == (), "the data plane takes all of it from the file"
    assert len(listed(api)) == 3
    check_totals(api)


def test_places_of_an_import_are_not_counted_twice_when_it_is_committed(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.plane.addresses_max = 4
    answers: list[int] = []
    unfinished = Bulk._is_unfinished

    def ban_first(bulk: Bulk, staging: Any) -> bool:
        answers.append(api.ban("198.51.100.1").status_code)
        return unfinished(bulk, staging)

    monkeypatch.setattr(Bulk, "_is_unfinished", ban_first)
    assert api.bring("192.0.2.1\n192.0.2.2\n192.0.2.3\n").status_code == 201
    assert answers == [201]
    assert api.ban("198.51.100.2").status_code == 409


def test_a_large_import_runs_in_a_process_of_its_own_and_does_the_same(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "INLINE_BYTES_MAX", 0)
    assert api.bring("192.0.2.1\n10.0.0.0/8\n").status_code == 201
    assert listed(api) == ["10.0.0.0/8", "192.0.2.1"]
    answer = api.bring("192.0.2.7\nbad\n")
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, "line 2")


def test_an_import_is_invisible_until_it_is_complete(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []

    def look() -> None:
        seen.append(api.get("/blacklist").json)
        seen.append(api.get("/blacklist/192.0.2.1").status_code)
        seen.append(api.delete("/blacklist/192.0.2.1").status_code)

    between_chunks(monkeypatch, look, after=2)
    assert api.bring(BODY).status_code == 201
    assert seen == [{"blacklist": [], "total": 0, "next_cursor": None}, 404, 404]
    assert len(listed(api)) == 3


def test_a_ban_takes_a_staged_entry_over(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[Any] = []
    action = lambda: answers.append(api.ban("192.0.2.1", reason="mine"))  # noqa: E731
    between_chunks(monkeypatch, action, after=2)
    answer = api.bring(BODY)
    assert answers[0].status_code == 201
    assert answer.json["revision"] == 2
    assert api.get("/blacklist/192.0.2.1").json["reason"] == "mine"
    assert api.get("/blacklist").json["total"] == 3
    change = logged(api)[-1][1]
    assert isinstance(change, Import)
    assert [(name, str(network)) for name, network in change.skip] == [("blacklist", "192.0.2.1")]


def test_a_staged_entry_taken_over_and_deleted_stays_deleted(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    def take_and_delete() -> None:
        assert api.ban("192.0.2.1").status_code == 201
        assert api.delete("/blacklist/192.0.2.1").status_code == 204

    between_chunks(monkeypatch, take_and_delete, after=2)
    assert api.bring(BODY).status_code == 201
    assert listed(api) == ["192.0.2.2", "192.0.2.3"]
    assert api.get("/blacklist").json["total"] == 2
    assert len(logged(api)[-1][1].skip) == 1


def test_a_ban_ahead_of_the_staging_wins(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    between_chunks(monkeypatch, lambda: api.ban("192.0.2.3", reason="mine") and None)
    answer = api.bring(BODY)
    assert (answer.json["added"], answer.json["skipped"]) == (2, 1)
    assert api.get("/blacklist/192.0.2.3").json["reason"] == "mine"
    assert api.get("/blacklist").json["total"] == 3


def test_a_second_import_meanwhile_is_429(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[Any] = []
    between_chunks(monkeypatch, lambda: answers.append(api.bring("10.0.0.1\n")))
    assert api.bring(BODY).status_code == 201
    assert answers[0].status_code == 429
    assert int(answers[0].headers["Retry-After"]) > 0
    assert api.bring("10.0.0.1\n").status_code == 201


def test_an_import_that_fails_half_way_leaves_nothing(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(stage, "CHUNK", 1)
        copy = stage.ImportStage._stage
        calls: list[object] = []

        def failing(self: stage.ImportStage, parameters: dict[str, object]) -> None:
            calls.append(parameters)
            copy(self, parameters)
            if len(calls) == 2:
                fail()

        patch.setattr(stage.ImportStage, "_stage", failing)
        assert api.bring(BODY).status_code == 500
    with api.node.database.read() as connection:
        count = connection.exec_driver_sql("SELECT count(*) FROM entries").scalar()
    assert count == 0
    assert api.bring(BODY).status_code == 201


def test_what_a_crash_left_of_an_import_is_removed_at_start(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.ban("198.51.100.1")
    with monkeypatch.context() as patch:
        patch.setattr(stage.Stage, "remove", lambda *_: None)
        patch.setattr(Bulk, "_forget", lambda *_: None)
        patch.setattr(program.FileJob, "run", lambda *_: 1 / 0)
        assert api.bring(BODY).status_code == 500
    leftover = api.settings.database.parent / "scratch" / "upload-old"
    leftover.write_text("x")
    again = api.restart()
    try:
        assert listed(again) == ["198.51.100.1"]
        with again.node.database.read() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM imports").scalar() == 0
            assert connection.exec_driver_sql("SELECT count(*) FROM entries").scalar() == 1
        assert not leftover.exists()
        assert again.bring(BODY).status_code == 201
    finally:
        again.close()


def test_deleting_an_imported_entry_works_like_any_other(api: Api) -> None:
    api.bring(BODY)
    assert api.delete("/blacklist/192.0.2.2").status_code == 204
    assert api.ban("192.0.2.1", reason="x").status_code == 200
    assert api.get("/blacklist").json["total"] == 2


def test_bulk_work_steps_back_for_a_waiting_writer(api: Api) -> None:
    order: list[str] = []
    lock = api.node.database.lock
    held, waiting = threading.Event(), threading.Event()

    def bulk(name: str) -> None:
        with lock.hold(bulk=True):
            order.append(name)
            held.set()
            waiting.wait(60)

    def ban() -> None:
        with lock.hold():
            order.append("ban")

    first = threading.Thread(target=bulk, args=("bulk 1",))
    first.start()
    assert held.wait(60)
    second, writer = threading.Thread(target=bulk, args=("bulk 2",)), threading.Thread(target=ban)
    second.start()
    writer.start()
    while not lock._waiting:
        pass
    waiting.set()
    for thread in (first, second, writer):
        thread.join(60)
    assert order == ["bulk 1", "ban", "bulk 2"]

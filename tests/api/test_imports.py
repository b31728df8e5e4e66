"""Imports: whole or not at all, and never in the way of a ban."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.common import bodies
from api.management.lists import rows
from api.management.lists.importing import parse, program, stage
from api.management.lists.importing.service import Importer
from api.management.lists.importing.stage import Stage
from dataplane.statelog import Import, StateLogReader
from tests.support.clock import FakeClock

from .conftest import Api


def logged(api: Api) -> list[Any]:
    """The changes of every revision in the newest log."""
    reader = StateLogReader(api.settings.state_log)
    with reader.log(reader.generations()[0]) as log:
        found = []
        while lines := log.lines():
            found += [(line.revision, change) for line in lines for change in line.changes]
        return found


def listed(api: Api, name: str = "blacklist") -> list[str]:
    return [each["ip"] for each in api.get(f"/{name}?limit=1000").json[name]]


def test_text_with_comments_empty_lines_and_both_families(api: Api) -> None:
    body = "# feed\n192.0.2.1\n\n 10.0.0.0/8 # private\r\n2001:db8::/32\n::ffff:192.0.2.2\n"
    answer = api.bring(body, query="?reason=feed&duration_seconds=60")
    assert answer.status_code == 201
    assert answer.json == {
        "revision": 1,
        "state": "in_force",
        "lines": 4,
        "added": 4,
        "skipped": 0,
        "skipped_lines": [],
    }
    assert listed(api) == ["10.0.0.0/8", "192.0.2.1", "192.0.2.2", "2001:db8::/32"]
    entry = api.get("/blacklist/10.0.0.0/8").json
    assert (entry["reason"], entry["duration_seconds"], entry["revision"]) == ("feed", 60, 1)


def test_ndjson_lines_are_bodies_of_post_and_the_query_their_default(api: Api) -> None:
    lines = [
        {"ip": "192.0.2.1"},
        {"ip": "192.0.2.2", "reason": "own", "duration_seconds": 5},
        {"ip": "192.0.2.3", "duration_seconds": None},
    ]
    body = "\n".join(map(json.dumps, lines))
    answer = api.bring(
        body, query="?reason=feed&duration_seconds=60", content_type="application/x-ndjson"
    )
    assert answer.status_code == 201
    found = api.get("/blacklist").json["blacklist"]
    assert [(each["reason"], each["duration_seconds"]) for each in found] == [
        ("feed", 60),
        ("own", 5),
        ("feed", None),
    ]


def test_an_import_is_one_revision_one_audit_row_and_one_line(api: Api) -> None:
    audited = api.get("/audit").json["total"]
    api.bring("192.0.2.1\n192.0.2.2\n")
    ((revision, change),) = logged(api)
    assert (revision, change.count, change.skip) == (1, 2, ())
    reader = StateLogReader(api.settings.state_log)
    with reader.import_entries(change.file, change.count) as file:
        networks = [str(entry.network) for batch in file.chunks() for entry in batch]
    assert networks == ["192.0.2.1", "192.0.2.2"]
    assert api.get("/audit").json["total"] == audited + 1


@pytest.mark.parametrize(
    ("media_type", "body", "line"),
    [
        ("text/plain", "192.0.2.1\n192.0.2.0/23\n192.0.2.3/24\n", 3),
        ("text/plain", "192.0.2.1\n\n# x\nnonsense\n", 4),
        ("text/plain", "192.0.2.1, because\n", 1),
        ("text/plain", "1" * 5000, 1),
        ("text/plain", "192.0.2.1\n\xff\n", 2),
        ("application/x-ndjson", '{"ip":"192.0.2.1"}\n{"ip":\n', 2),
        ("application/x-ndjson", '{"ip":"192.0.2.1","duration_seconds":true}\n', 1),
        ("application/x-ndjson", '{"ip":"192.0.2.1","x":1}\n', 1),
        ("application/x-ndjson", "192.0.2.1\n", 1),
    ],
)
def test_a_bad_line_refuses_everything_and_is_named(
    api: Api, media_type: str, body: str, line: int
) -> None:
    answer = api.bring(body, content_type=media_type)
    assert answer.status_code == 422
    (error,) = answer.json["errors"]
    assert error["field"] == f"line {line}"
    assert error["limit"]
    assert f"line {line}" in answer.json["detail"]
    assert api.get("/blacklist").json["total"] == 0
    assert logged(api) == []


def test_an_empty_import_changes_nothing(api: Api) -> None:
    answer = api.bring("# nothing\n")
    assert (answer.status_code, answer.json["revision"], answer.json["lines"]) == (200, None, 0)
    assert logged(api) == []


def test_one_line_more_than_the_limit_is_refused(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parse, "LINES_MAX", 3)
    body = "192.0.2.1\n192.0.2.2\n192.0.2.3\n"
    assert api.bring(body).status_code == 201
    answer = api.bring("198.51.100.0\n" + body)
    assert answer.status_code == 422
    assert "3 lines" in answer.json["errors"][0]["limit"]


def test_a_body_over_128_mib_is_413(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    assert bodies.UPLOAD_BYTES_MAX == 128 * 1024 * 1024
    monkeypatch.setattr(bodies, "UPLOAD_BYTES_MAX", 100)
    assert api.bring("#" * 101).status_code == 413
    assert api.bring("#" * 100).status_code == 200
    assert list((api.settings.database.parent / "scratch").iterdir()) == []


CONFLICTS = "198.51.100.1\n192.0.2.1\n203.0.113.7\n198.51.100.1\n"
"""Line 2 is banned already, line 3 is allowed, line 4 repeats line 1."""


def conflicting(api: Api) -> None:
    api.ban("192.0.2.1", reason="first")
    api.post("/allowlist", {"ip": "203.0.113.0/24"})


def test_a_conflict_refuses_everything_and_names_the_first(api: Api) -> None:
    conflicting(api)
    answer = api.bring(CONFLICTS)
    assert answer.status_code == 409
    (error,) = answer.json["errors"]
    assert (error["field"], error["value"]) == ("line 2", "192.0.2.1")
    assert listed(api) == ["192.0.2.1"]
    assert len(logged(api)) == 2


def test_conflicts_are_skipped_when_asked_and_listed(api: Api) -> None:
    conflicting(api)
    answer = api.bring(CONFLICTS, query="?on_conflict=skip")
    assert answer.status_code == 201
    assert (answer.json["added"], answer.json["skipped"], answer.json["lines"]) == (1, 3, 4)
    assert [(each["line"], each["ip"]) for each in answer.json["skipped_lines"]] == [
        (2, "192.0.2.1"),
        (3, "203.0.113.7"),
        (4, "198.51.100.1"),
    ]
    assert "203.0.113.0/24" in answer.json["skipped_lines"][1]["why"]
    assert "line 1" in answer.json["skipped_lines"][2]["why"]
    assert api.get("/blacklist/192.0.2.1").json["reason"] == "first"
    assert api.get("/blacklist").json["total"] == 2


def test_at_most_a_hundred_skipped_lines_are_listed(api: Api) -> None:
    body = "\n".join(["192.0.2.1"] * 150)
    answer = api.bring(body, query="?on_conflict=skip").json
    assert (answer["skipped"], len(answer["skipped_lines"])) == (149, 100)


@pytest.mark.parametrize("query", ["?on_conflict=replace", "?duration_seconds=0", "?x=1"])
def test_a_bad_query_is_422(api: Api, query: str) -> None:
    assert api.bring("192.0.2.1\n", query=query).status_code == 422


def test_the_allowlist_takes_what_is_banned(api: Api) -> None:
    api.ban("192.0.2.1")
    assert api.bring("192.0.2.1\n", name="allowlist").status_code == 201
    assert listed(api, "allowlist") == ["192.0.2.1"]


def test_allowing_all_of_ipv6_stops_no_import_of_ipv4(api: Api) -> None:
    api.post("/allowlist", {"ip": "::/0"})
    assert api.bring("192.0.2.1\n10.0.0.0/8\n").status_code == 201
    assert api.bring("2001:db8::1\n").status_code == 409


def test_an_import_that_does_not_fit_is_refused_whole(api: Api) -> None:
    api.plane.addresses_max = 3
    api.ban("192.0.2.1")
    assert api.bring("192.0.2.2\n192.0.2.3\n192.0.2.4\n").status_code == 409
    assert api.bring("192.0.2.2\n192.0.2.3\n").status_code == 201
    assert api.ban("192.0.2.4").status_code == 409


def test_places_of_an_import_are_not_counted_twice_when_it_is_committed(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.plane.addresses_max = 4
    answers: list[int] = []
    unfinished = Importer._is_unfinished

    def ban_first(importer: Importer, staging: Any) -> bool:
        answers.append(api.ban("198.51.100.1").status_code)
        return unfinished(importer, staging)

    monkeypatch.setattr(Importer, "_is_unfinished", ban_first)
    assert api.bring("192.0.2.1\n192.0.2.2\n192.0.2.3\n").status_code == 201
    assert answers == [201]
    assert api.ban("198.51.100.2").status_code == 409


def test_what_has_ended_is_no_conflict(api: Api, clock: FakeClock) -> None:
    api.ban("192.0.2.1", duration_seconds=1)
    clock.pass_ms(1000)
    assert api.bring("192.0.2.1\n").status_code == 201
    assert api.get("/blacklist").json["total"] == 1
    api.node.housekeeper.turn()
    assert api.get("/blacklist").json["total"] == 1


def test_a_large_import_runs_in_a_process_of_its_own_and_does_the_same(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "INLINE_BYTES_MAX", 0)
    assert api.bring("192.0.2.1\n10.0.0.0/8\n").status_code == 201
    assert listed(api) == ["10.0.0.0/8", "192.0.2.1"]
    answer = api.bring("192.0.2.7\nbad\n")
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, "line 2")


def between_chunks(
    monkeypatch: pytest.MonkeyPatch, action: Callable[[], None], after: int = 1
) -> None:
    """Runs something while an import is being staged, after so many chunks of one row."""
    monkeypatch.setattr(stage, "CHUNK", 1)
    chunks = Stage._chunks

    def interrupted(self: Stage) -> Any:
        for index, chunk in enumerate(chunks(self)):
            if index == after:
                action()
            yield chunk

    monkeypatch.setattr(Stage, "_chunks", interrupted)


BODY = "192.0.2.1\n192.0.2.2\n192.0.2.3\n"


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
        copy = Stage._count
        calls: list[int] = []

        def failing(self: Stage, first: int, last: int) -> list[int]:
            calls.append(first)
            if len(calls) == 3:
                fail()
            return copy(self, first, last)

        patch.setattr(Stage, "_count", failing)
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
        patch.setattr("api.management.lists.importing.service.Importer._forget", lambda *_: None)
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
            waiting.wait(5)

    def ban() -> None:
        with lock.hold():
            order.append("ban")

    first = threading.Thread(target=bulk, args=("bulk 1",))
    first.start()
    assert held.wait(5)
    second, writer = threading.Thread(target=bulk, args=("bulk 2",)), threading.Thread(target=ban)
    second.start()
    writer.start()
    while not lock._waiting:
        pass
    waiting.set()
    for thread in (first, second, writer):
        thread.join(5)
    assert order == ["bulk 1", "ban", "bulk 2"]


@given(st.binary(max_size=200), st.sampled_from([parse.TEXT, parse.NDJSON]))
def test_no_body_breaks_the_parser(data: bytes, media_type: str) -> None:
    read = parse._read_json if media_type == parse.NDJSON else parse._read_text
    try:
        found = list(parse.entries(io.BytesIO(data), read, parse.Defaults(None, None)))
    except parse.BadLineError as exc:
        assert 1 <= exc.line <= data.count(b"\n") + 1  # noqa: PT017 - or no error at all
    else:
        assert all(row.kind in (rows.ADDRESS, rows.PREFIX_IPV4, rows.PREFIX_IPV6) for row in found)


def test_a_text_body_cut_anywhere_is_parsed_or_refused_by_line(tmp_path: Path) -> None:
    body = b"192.0.2.1\n2001:db8::/32 # c\n10.0.0.0/8\n"
    for cut in range(len(body) + 1):
        source, target = tmp_path / f"{cut}.txt", tmp_path / f"{cut}.db"
        source.write_bytes(body[:cut])
        try:
            count = parse.parse(source, parse.TEXT, parse.Defaults(None, None), target)
        except parse.BadLineError as exc:
            assert exc.line <= 3  # noqa: PT017 - or no error at all
        else:
            assert count <= 3

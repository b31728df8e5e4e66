"""Removal in bulk: by networks, reason, creator and origin; one revision, whole or not at all."""

from __future__ import annotations

from typing import Any

import pytest

from api.management.lists import bulk
from api.management.lists.bulk import Bulk
from api.management.lists.importing import program
from api.management.lists.removing.stage import RemovalStage
from dataplane.statelog import Import, StateLogReader

from ..conftest import Api
from .lists_model import check_totals, in_force, pages
from .test_origins import between_chunks

FEED = "feed:drop"


def remove(api: Api, query: str = "", **wanted: Any) -> Any:
    return api.post(f"/blacklist/remove{query}", wanted)


def left(api: Api) -> list[tuple[str, str]]:
    return [(each["ip"], each["origin"]) for each in pages(api, "blacklist")]


@pytest.fixture
def filled(api: Api) -> Api:
    """Entries of two origins, two reasons and two creators, one network of both origins."""
    key = api.post("/keys", {"name": "robot", "role": "operate"}).json["key"]
    api.ban("192.0.2.1", reason="scan", duration_seconds=60)
    api.ban("192.0.2.1", origin=FEED, reason="drop", duration_seconds=600)
    api.ban("10.0.0.0/8", origin=FEED, reason="drop")
    api.ban("2001:db8::/32", reason="scan")
    api.post("/blacklist", {"ip": "192.0.2.3", "reason": "scan"}, key=key)
    api.post("/allowlist", {"ip": "198.51.100.1", "reason": "scan"})
    return api


@pytest.mark.parametrize(
    ("wanted", "gone"),
    [
        ({"origin": FEED}, {("192.0.2.1", FEED), ("10.0.0.0/8", FEED)}),
        (
            {"reason": "scan"},
            {("192.0.2.1", "manual"), ("2001:db8::/32", "manual"), ("192.0.2.3", "manual")},
        ),
        ({"created_by": "robot"}, {("192.0.2.3", "manual")}),
        ({"networks": ["192.0.2.1", "192.0.2.9"]}, {("192.0.2.1", FEED), ("192.0.2.1", "manual")}),
        ({"networks": ["192.0.2.1", "192.0.2.1"], "origin": FEED}, {("192.0.2.1", FEED)}),
        ({"reason": "scan", "created_by": "robot", "origin": "manual"}, {("192.0.2.3", "manual")}),
        ({"reason": "' OR 1=1 --"}, set()),
    ],
)
def test_what_meets_every_condition_goes_and_nothing_else(
    filled: Api, wanted: dict[str, Any], gone: set[tuple[str, str]]
) -> None:
    before = set(left(filled))
    revision = filled.get("/status").json["revision"]["committed"]
    counted = remove(filled, "?dry_run=true", **wanted)
    assert (counted.status_code, counted.json["state"], counted.json["revision"]) == (
        200,
        "dry_run",
        None,
    )
    assert counted.json["removed"] == len(gone)
    assert set(left(filled)) == before
    assert filled.get("/status").json["revision"]["committed"] == revision
    answer = remove(filled, **wanted)
    assert (answer.status_code, answer.json["removed"]) == (200, len(gone))
    assert answer.json["removed_by_origin"] == counted.json["removed_by_origin"]
    assert answer.json["revision"] == (revision + 1 if gone else None)
    assert set(left(filled)) == before - gone
    assert {ip for _, ip in in_force(filled)} == {ip for ip, _ in before - gone} | {"198.51.100.1"}
    assert filled.get("/allowlist").json["total"] == 1
    check_totals(filled)


def test_a_network_that_another_origin_holds_keeps_what_that_one_says(filled: Api) -> None:
    remove(filled, origin=FEED)
    ends = in_force(filled)
    assert ends["blacklist", "192.0.2.1"] == filled.clock.boot_ms() + 60_000
    assert ("blacklist", "10.0.0.0/8") not in ends


def test_a_removal_is_one_audit_row_with_the_filter_and_the_count(filled: Api) -> None:
    audited = filled.get("/audit").json["total"]
    remove(filled, origin=FEED, reason='dr"op')
    assert filled.get("/audit").json["total"] == audited, "nothing went"
    remove(filled, origin=FEED, networks=["192.0.2.1"])
    audit = filled.get("/audit").json
    assert audit["total"] == audited + 1
    assert audit["audit"][0]["action"] == "blacklist.remove_many"
    assert audit["audit"][0]["target"] == f'1 entries: origin="{FEED}" networks=1'


def test_a_removal_without_a_filter_is_refused(filled: Api) -> None:
    answer = remove(filled)
    assert answer.status_code == 422
    assert "networks, reason, created_by or origin" in answer.json["errors"][0]["limit"]
    for bad in ({"networks": []}, {"networks": ["x"]}, {"reason": 1}, {"x": 1}, {"origin": "x"}):
        assert remove(filled, **bad).status_code == 422
    many = remove(filled, networks=["192.0.2.1"] * 10_001)
    assert (many.status_code, many.json["errors"][0]["field"]) == (422, "networks")
    assert remove(filled, "?dry_run=1", origin=FEED).status_code == 422
    assert len(left(filled)) == 5


def test_a_removal_needs_the_role_operate(filled: Api) -> None:
    key = filled.post("/keys", {"name": "eye", "role": "read"}).json["key"]
    assert filled.post("/blacklist/remove", {"origin": FEED}, key=key).status_code == 403


def test_many_go_by_a_process_of_its_own_and_reach_the_log_as_one_file(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.plane.addresses_max = 2000
    body = "\n".join(f"10.0.{n >> 8}.{n & 255}" for n in range(1500))
    assert api.bring(body, query=f"?origin={FEED}").status_code == 201
    monkeypatch.setattr(program, "INLINE_BYTES_MAX", 0)
    assert remove(api, origin=FEED).json["removed"] == 1500
    reader = StateLogReader(api.settings.state_log)
    with reader.log(reader.generations()[0]) as log:
        change = log.lines()[-1].changes[0]
    assert isinstance(change, Import)
    assert change.count == 1500
    assert in_force(api) == {}
    check_totals(api)


def test_what_is_removed_is_visible_until_all_of_it_goes(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.bring("192.0.2.1\n192.0.2.2\n192.0.2.3\n", query="?reason=x")
    seen: list[Any] = []
    between_chunks(monkeypatch, [lambda: seen.append(left(api))] * 2)
    assert remove(api, reason="x").json["removed"] == 3
    assert [len(each) for each in seen] == [3, 3]
    assert left(api) == []


def test_what_another_request_writes_meanwhile_wins(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.bring("192.0.2.1\n192.0.2.2\n192.0.2.3\n", query="?reason=x")

    def write() -> None:
        assert api.ban("192.0.2.1", reason="mine").status_code == 200
        assert api.delete("/blacklist/192.0.2.2").status_code == 204
        assert api.ban("192.0.2.3", origin="crowdsec").status_code == 201

    between_chunks(monkeypatch, [lambda: None, lambda: None, write])
    assert remove(api, reason="x").status_code == 200
    assert left(api) == [("192.0.2.1", "manual"), ("192.0.2.3", "crowdsec")]
    assert {ip for _, ip in in_force(api)} == {"192.0.2.1", "192.0.2.3"}
    check_totals(api)


def test_a_second_bulk_change_meanwhile_is_429(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    api.bring("192.0.2.1\n192.0.2.2\n")
    answers: list[Any] = []
    between_chunks(
        monkeypatch,
        [lambda: answers.extend([remove(api, origin="manual"), api.bring("192.0.2.9\n")])],
    )
    assert remove(api, origin="manual").status_code == 200
    assert [each.status_code for each in answers] == [429, 429]
    assert remove(api, "?dry_run=true", origin="manual").status_code == 200


def test_a_removal_that_fails_half_way_leaves_everything(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.bring("192.0.2.1\n192.0.2.2\n")
    with monkeypatch.context() as patch:
        patch.setattr(RemovalStage, "removed", lambda _: 1 / 0)
        assert remove(api, origin="manual").status_code == 500
    assert len(left(api)) == 2
    assert _marked(api) == 0
    assert remove(api, origin="manual").json["removed"] == 2
    assert left(api) == []


def test_what_a_crash_left_of_a_removal_is_taken_back_at_start(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.bring("192.0.2.1\n192.0.2.2\n")
    with monkeypatch.context() as patch:
        patch.setattr(RemovalStage, "remove", lambda *_: None)
        patch.setattr(Bulk, "_forget", lambda *_: None)
        patch.setattr(program.FileJob, "run", lambda *_: 1 / 0)
        assert remove(api, origin="manual").status_code == 500
    assert _marked(api) == 2
    again = api.restart()
    try:
        assert (_marked(again), len(left(again))) == (0, 2)
        assert remove(again, origin="manual").json["removed"] == 2
    finally:
        again.close()


def test_what_went_is_swept_from_the_database_later(api: Api) -> None:
    api.bring("192.0.2.1\n192.0.2.2\n")
    remove(api, origin="manual")
    assert _marked(api) == 2
    api.node.housekeeper.turn()
    assert _marked(api) == 0
    api.bring("192.0.2.1\n")
    remove(api, origin="manual")
    assert remove(api, origin="manual").json["removed"] == 0
    assert _marked(api) == 0, "the next bulk change sweeps too"


def test_more_changes_meanwhile_than_a_line_holds_refuse_the_bulk_change_whole(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "TOUCHED_MAX", 1)
    api.bring("192.0.2.1\n192.0.2.2\n", query="?reason=x")

    def write() -> None:
        for ip in ("192.0.2.1", "192.0.2.2"):
            api.ban(ip, reason="mine")

    between_chunks(monkeypatch, [lambda: None, write])
    answer = remove(api, reason="x")
    assert answer.status_code == 503
    assert "more than 1" in answer.json["detail"]
    assert len(left(api)) == 2
    assert _marked(api) == 0
    check_totals(api)


def test_a_repeated_request_gets_the_same_answer(api: Api) -> None:
    api.bring("192.0.2.1\n")
    headers = {"Idempotency-Key": "once"}
    first = api.post("/blacklist/remove", {"origin": "manual"}, headers=headers)
    api.bring("192.0.2.1\n")
    again = api.post("/blacklist/remove", {"origin": "manual"}, headers=headers)
    assert (again.status_code, again.json) == (200, first.json)
    assert len(left(api)) == 1


def _marked(api: Api) -> int:
    with api.node.database.read() as connection:
        query = "SELECT count(*) FROM entries WHERE ended_by IS NOT NULL"
        return int(connection.exec_driver_sql(query).scalar_one())

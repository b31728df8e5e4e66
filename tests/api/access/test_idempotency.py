"""The same request with the same Idempotency-Key is done once and answered alike."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from api.access.receipts import Receipts
from tests.support.clock import DAY_MS, FakeClock

from ..conftest import Api

KEY = {"Idempotency-Key": "order-1"}


def test_a_repeated_request_is_answered_alike_and_done_once(api: Api) -> None:
    first = api.post("/blacklist", {"ip": "192.0.2.1"}, headers=KEY)
    api.delete("/blacklist/192.0.2.1")
    again = api.post("/blacklist", {"ip": "192.0.2.1"}, headers=KEY)
    assert (again.status_code, again.data) == (201, first.data)
    assert again.headers["Location"] == first.headers["Location"]
    assert again.headers["Idempotency-Replayed"] == "true"
    assert api.get("/blacklist").json["total"] == 0
    assert api.get("/status").json["revision"]["committed"] == 2


def test_another_body_under_the_same_key_is_422(api: Api) -> None:
    api.post("/blacklist", {"ip": "192.0.2.1"}, headers=KEY)
    answer = api.post("/blacklist", {"ip": "192.0.2.2"}, headers=KEY)
    assert answer.status_code == 422
    assert answer.json["errors"][0]["field"] == "Idempotency-Key"


def test_another_route_or_api_key_is_another_request(api: Api) -> None:
    body = {"ip": "192.0.2.1"}
    other = (api.settings.keys / "admin.key").read_text().strip()
    assert api.post("/allowlist", body, headers=KEY).status_code == 201
    assert api.delete("/allowlist/192.0.2.1").status_code == 204
    assert api.post("/blacklist", body, headers=KEY).status_code == 201
    assert api.post("/blacklist", body, headers=KEY, key=other).status_code == 200


def test_a_refused_request_may_be_repeated_until_it_works(api: Api) -> None:
    api.post("/allowlist", {"ip": "192.0.2.1"})
    assert api.post("/blacklist", {"ip": "192.0.2.1"}, headers=KEY).status_code == 409
    api.delete("/allowlist/192.0.2.1")
    assert api.post("/blacklist", {"ip": "192.0.2.1"}, headers=KEY).status_code == 201


def test_receipts_are_kept_a_day_and_across_a_restart(api: Api, clock: FakeClock) -> None:
    api.post("/blacklist", {"ip": "192.0.2.1"}, headers=KEY)
    again = api.restart()
    try:
        clock.pass_ms(DAY_MS)
        replay = again.post("/blacklist", {"ip": "192.0.2.1"}, headers=KEY)
        assert replay.headers["Idempotency-Replayed"] == "true"
        clock.pass_ms(1)
        fresh = again.post("/blacklist", {"ip": "192.0.2.1"}, headers=KEY)
        assert fresh.status_code == 200
        clock.pass_ms(DAY_MS + 1)
        again.node.housekeeper.turn()
        with again.node.database.read() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM idempotency").scalar() == 0
    finally:
        again.close()


def test_a_crash_after_the_commit_does_not_do_it_twice(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(api.plane, "announce", lambda _: 1 / 0)
        assert api.post("/blacklist", {"ip": "192.0.2.1"}, headers=KEY).status_code == 500
    again = api.post("/blacklist", {"ip": "192.0.2.1"}, headers=KEY)
    assert (again.status_code, again.json["revision"]) == (202, 1)
    assert again.headers["Location"] == "/api/v1/revisions/1"
    assert api.get("/status").json["revision"]["committed"] == 1


def test_an_import_is_done_once(api: Api) -> None:
    first = api.bring("192.0.2.1\n192.0.2.2\n", headers=KEY)
    again = api.bring("192.0.2.1\n192.0.2.2\n", headers=KEY)
    assert (again.status_code, again.json) == (first.status_code, first.json)
    assert api.bring("192.0.2.1\n", headers=KEY).status_code == 422
    assert api.bring("192.0.2.1\n192.0.2.2\n", query="?reason=x", headers=KEY).status_code == 422


def test_a_keys_text_is_not_kept_for_repeating(api: Api) -> None:
    body = {"name": "ops", "role": "read"}
    made = api.post("/keys", body, headers=KEY).json
    again = api.post("/keys", body, headers=KEY)
    assert again.status_code == 409
    assert made["id"] in again.json["detail"]
    assert made["key"] not in again.text
    with api.node.database.read() as connection:
        bodies = connection.exec_driver_sql("SELECT body FROM idempotency").scalars().all()
    assert made["key"] not in "".join(bodies)


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "\u00e9"])
def test_a_key_that_is_none_is_422(api: Api, key: str) -> None:
    headers = {"Idempotency-Key": key}
    assert api.post("/blacklist", {"ip": "192.0.2.1"}, headers=headers).status_code == 422


def test_twins_at_the_same_time_are_done_once(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    entered, release = threading.Event(), threading.Event()
    answers: list[Any] = []
    announce = api.plane.announce

    def hold(revision: int) -> None:
        entered.set()
        release.wait(60)
        announce(revision)

    monkeypatch.setattr(api.plane, "announce", hold)

    def send() -> None:
        client = api.app.test_client()
        headers = {**KEY, "X-SecBeat-API-Key": "admin-key-of-the-tests-0123456789abcdef"}
        answers.append(client.post("/api/v1/blacklist", json={"ip": "192.0.2.1"}, headers=headers))

    threads = [threading.Thread(target=send) for _ in range(3)]
    threads[0].start()
    assert entered.wait(60)
    receipts: Receipts = api.node.gate._receipts
    for thread in threads[1:]:
        thread.start()
    while sum(users for _, users in receipts._running.values()) < 3:
        assert threads[0].is_alive()
    release.set()
    for thread in threads:
        thread.join(60)
    assert [answer.status_code for answer in answers] == [201] * 3
    assert len({answer.data for answer in answers}) == 1
    assert api.get("/status").json["revision"]["committed"] == 1
    assert receipts._running == {}

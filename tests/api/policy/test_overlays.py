"""Panic mode and overlays over HTTP: a revision each, with an end, in audit, status and log."""

from __future__ import annotations

from typing import Any

import pytest

from dataplane.policy import OVERLAYS_MAX
from dataplane.statelog import Change, SetOverlays, StateLogReader

from ..conftest import Api

LIMIT = {"kind": "limit", "profile": "web", "unit": "packets", "value": 500}


def lay(api: Api, overlay: dict[str, Any] = LIMIT, **fields: Any) -> Any:
    return api.call(
        "POST", "/overlays", json={"overlay": overlay, "duration_seconds": 60, **fields}
    )


def logged(api: Api) -> list[list[dict[str, Any]]]:
    """The documents of each change of overlays that the data plane is told of."""
    reader = StateLogReader(api.settings.state_log)
    changes: list[Change] = []
    with reader.log(reader.generations()[-1]) as log:
        while lines := log.lines(1000):
            changes += [change for line in lines for change in line.changes]
    found = [change for change in changes if isinstance(change, SetOverlays)]
    return [[each.document for each in change.overlays] for change in found]


def test_panic_has_an_end_that_status_shows(api: Api) -> None:
    answer = api.call("POST", "/panic", json={"duration_seconds": 60, "reason": "shop is down"})
    assert answer.status_code == 200
    assert (answer.json["active"], answer.json["state"]) == (True, "in_force")
    assert answer.json["by"] == "MANAGEMENT_API_KEY"
    status = api.get("/status").json
    assert status["panic"]["until"] == answer.json["until"]
    assert status["panic"]["reason"] == "shop is down"
    assert status["overlays"] == 1
    assert logged(api) == [[{"kind": "panic"}]]


def test_panic_without_a_word_lasts_half_an_hour(api: Api) -> None:
    api.call("POST", "/panic", json={})
    api.clock.pass_ms(1_799_999)
    assert api.get("/panic").json["active"] is True
    api.clock.pass_ms(1)
    assert api.get("/panic").json["active"] is False
    assert api.get("/status").json["panic"] is None


def test_a_whole_number_may_be_written_with_a_fraction_of_0(api: Api) -> None:
    assert api.call("POST", "/panic", json={"duration_seconds": 60.0}).status_code == 200
    assert api.call("POST", "/panic", json={"duration_seconds": 60.5}).status_code == 422
    assert lay(api, {**LIMIT, "value": 500.0}).json["overlay"] == LIMIT
    assert api.ban("192.0.2.1", duration_seconds=60.0).status_code == 201


def test_a_second_panic_replaces_the_first(api: Api) -> None:
    api.call("POST", "/panic", json={"duration_seconds": 60})
    api.call("POST", "/panic", json={"duration_seconds": 600})
    assert api.get("/overlays").json["total"] == 1
    assert logged(api)[-1] == [{"kind": "panic"}]


def test_panic_is_ended(api: Api) -> None:
    api.call("POST", "/panic", json={})
    assert api.call("DELETE", "/panic").status_code == 204
    assert api.get("/panic").json["active"] is False
    assert logged(api)[-1] == []
    assert api.call("DELETE", "/panic").status_code == 404


def test_panic_leaves_other_overlays_and_its_end_does_too(api: Api) -> None:
    lay(api)
    api.call("POST", "/panic", json={})
    api.call("DELETE", "/panic")
    assert [each["overlay"] for each in api.get("/overlays").json["overlays"]] == [LIMIT]


def test_both_are_in_the_audit_trail(api: Api) -> None:
    api.call("POST", "/panic", json={})
    api.call("DELETE", "/panic")
    actions = [row["action"] for row in api.get("/audit").json["audit"]]
    assert {"panic.start", "panic.end"} <= set(actions)


def test_while_the_data_plane_is_away_they_are_pending(api: Api) -> None:
    api.plane.away = True
    for answer in (api.call("POST", "/panic", json={}), lay(api), api.call("DELETE", "/panic")):
        assert answer.status_code == 202
        assert answer.headers["Location"].startswith("/api/v1/revisions/")


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/panic", {"duration_seconds": 0}, "duration_seconds"),
        ("/panic", {"duration_seconds": 86_401}, "duration_seconds"),
        ("/panic", {"duration_seconds": "60"}, "duration_seconds"),
        ("/panic", {"for": 60}, "for"),
        ("/overlays", {"overlay": {"kind": "panic"}, "duration_seconds": 9}, "overlay"),
        ("/overlays", {"overlay": {**LIMIT, "value": 0}, "duration_seconds": 9}, "value"),
        ("/overlays", {"overlay": LIMIT}, "duration_seconds"),
        ("/overlays", {"overlay": LIMIT, "duration_seconds": 9, "incident": "x"}, "incident"),
        ("/overlays", {"overlay": LIMIT, "duration_seconds": 9, "origin": "feed:x"}, "origin"),
    ],
)
def test_what_is_wrong_is_named(api: Api, path: str, body: dict[str, Any], field: str) -> None:
    answer = api.call("POST", path, json=body)
    assert answer.status_code == 422
    assert field in answer.json["errors"][0]["field"]
    assert api.get("/overlays").json["total"] == 0


def test_an_overlay_says_whose_it_is_and_ends(api: Api) -> None:
    incident = "attack_0123456789abcdef"
    made = lay(api, origin="incident", incident=incident, reason="syn_flood").json
    assert made["overlay"] == LIMIT
    assert (made["origin"], made["incident"], made["state"]) == ("incident", incident, "in_force")
    assert made["warnings"] == [
        "the policy has no profile 'web': the overlay does nothing until it has"
    ]
    assert api.get("/overlays").json["overlays"][0]["id"] == made["id"]
    api.clock.pass_ms(60_000)
    assert api.get("/overlays").json == {"overlays": [], "total": 0}


def test_an_overlay_is_ended_before_its_time(api: Api) -> None:
    made = lay(api).json
    assert api.call("DELETE", f"/overlays/{made['id']}").status_code == 204
    assert logged(api)[-1] == []
    assert api.call("DELETE", f"/overlays/{made['id']}").status_code == 404
    assert api.call("DELETE", "/overlays/nothing").status_code == 404


def test_there_is_room_for_so_many_and_those_that_ended_give_it_back(api: Api) -> None:
    for _ in range(OVERLAYS_MAX):
        assert lay(api).status_code == 201
    answer = lay(api)
    assert answer.status_code == 409
    assert str(OVERLAYS_MAX) in answer.json["detail"]
    api.clock.pass_ms(60_000)
    assert lay(api).status_code == 201
    assert logged(api)[-1] == [LIMIT]


def test_a_new_generation_has_them(api: Api) -> None:
    lay(api)
    api.node.publisher.renew("for the test")
    reader = StateLogReader(api.settings.state_log)
    with reader.snapshot(reader.generations()[0]) as snapshot:
        assert [each.document for each in snapshot.overlays] == [LIMIT]


def test_who_may_only_read_changes_nothing(api: Api) -> None:
    key = api.call("POST", "/keys", json={"name": "eyes", "role": "read"}).json["key"]
    assert api.call("POST", "/panic", json={}, key=key).status_code == 403
    assert api.call("GET", "/panic", key=key).status_code == 200

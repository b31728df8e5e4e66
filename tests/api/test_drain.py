"""A node that drains is not ready, and works on."""

from __future__ import annotations

from api.common.schemas import rfc3339

from .conftest import Api


def test_a_draining_node_is_not_ready_and_says_who_asked(api: Api) -> None:
    answer = api.post("/drain")
    drain = {"since": rfc3339(api.clock.utc_ms()), "by": "MANAGEMENT_API_KEY"}
    assert answer.status_code == 200
    assert answer.json == {"draining": True, "drain": drain}
    ready = api.get("/health/ready", key=None)
    assert ready.status_code == 503
    assert [each["field"] for each in ready.json["errors"]] == ["drain"]
    status = api.get("/status").json
    assert (status["status"], status["drain"]) == ("draining", drain)
    assert status["health"] == "healthy"


def test_it_takes_changes_meanwhile(api: Api) -> None:
    api.post("/drain")
    assert api.post("/blacklist", json={"ip": "192.0.2.1"}).status_code == 201


def test_asking_again_changes_nothing(api: Api) -> None:
    first = api.post("/drain").json
    api.clock.pass_ms(5_000)
    assert api.post("/drain").json == first
    api.delete("/drain")
    assert api.delete("/drain").json == {"draining": False, "drain": None}
    assert api.get("/health/ready", key=None).status_code == 200


def test_a_node_that_starts_anew_still_drains(api: Api) -> None:
    before = api.post("/drain").json
    api.restart()
    assert api.get("/drain").json == before
    assert api.get("/health/ready", key=None).status_code == 503


def test_a_draining_node_that_is_not_well_is_degraded(api: Api) -> None:
    api.post("/drain")
    api.plane.away = True
    assert api.get("/status").json["status"] == "degraded"


def test_both_are_in_the_audit_trail(api: Api) -> None:
    api.post("/drain")
    api.delete("/drain")
    actions = [each["action"] for each in api.get("/audit").json["audit"]]
    assert actions[:2] == ["node.resume", "node.drain"]

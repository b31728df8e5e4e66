"""A node that drains is not ready, and works on."""

from __future__ import annotations

import pytest

from api.common.contract.schemas import rfc3339
from dataplane.shared.links import DrainStats
from dataplane.statelog import Change, SetDrain, StateLogReader

from .conftest import Api


def newest_changes(api: Api) -> tuple[Change, ...]:
    """Of the newest revision, as the data plane is told."""
    reader = StateLogReader(api.settings.state_log)
    newest: tuple[Change, ...] = ()
    with reader.log(reader.generations()[-1]) as log:
        while lines := log.lines(1000):
            newest = lines[-1].changes
    return newest


def test_a_draining_node_is_not_ready_and_says_who_asked(api: Api) -> None:
    answer = api.post("/drain")
    drain = {
        "since": rfc3339(api.clock.utc_ms()),
        "by": "MANAGEMENT_API_KEY",
        "complete": False,
        "waiting_for": "dataplane",
        "proxied_connections": 1,
        "quiet_seconds": None,
        "connections_lost": 0,
        "takes_links_down": False,
    }
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


@pytest.mark.parametrize("state", ["connections", "traffic"])
def test_it_says_what_it_waits_for(api: Api, state: str) -> None:
    api.post("/drain")
    api.plane.drain = DrainStats(state, 3.5, 2, takes_links_down=True)
    drain = api.get("/drain").json["drain"]
    assert (drain["complete"], drain["waiting_for"]) == (False, state)
    assert (drain["quiet_seconds"], drain["connections_lost"]) == (3.5, 2)
    assert drain["takes_links_down"]


def test_it_says_when_it_is_complete(api: Api) -> None:
    api.post("/drain")
    api.plane.drain = DrainStats("complete", 10.0, 0)
    drain = api.get("/status").json["drain"]
    assert (drain["complete"], drain["waiting_for"]) == (True, None)


def test_without_a_data_plane_it_waits_for_that(api: Api) -> None:
    api.post("/drain")
    api.plane.away = True
    drain = api.get("/drain").json["drain"]
    assert (drain["complete"], drain["waiting_for"]) == (False, "dataplane")
    assert drain["proxied_connections"] is None


def test_it_is_a_revision_that_the_data_plane_follows(api: Api) -> None:
    before = api.get("/status").json["revision"]["committed"]
    api.post("/drain")
    assert newest_changes(api) == (SetDrain(on=True),)
    api.delete("/drain")
    assert newest_changes(api) == (SetDrain(on=False),)
    assert api.get("/status").json["revision"]["committed"] == before + 2


def test_a_new_generation_of_the_state_log_knows_of_it(api: Api) -> None:
    api.post("/drain")
    api.node.publisher.renew("a test")
    reader = StateLogReader(api.settings.state_log)
    with reader.snapshot(max(reader.generations())) as snapshot:
        assert snapshot.drain

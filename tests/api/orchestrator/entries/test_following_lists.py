"""What a node is told of the fleet's lists: only what has changed, or everything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from api.orchestrator.following import log
from tests.support.clock import FakeClock

Enrol = Callable[..., FlaskClient]
URL = "/api/v1/nodes/node-1/lists"


@pytest.fixture
def node(enrol: Enrol) -> FlaskClient:
    return enrol("node-1")


def ask(node: FlaskClient, query: str = "") -> dict[str, Any]:
    answer = node.get(f"{URL}{query}")
    assert answer.status_code == 200, answer.json
    found: dict[str, Any] = answer.json
    return found


def behind(node: FlaskClient, known: dict[str, Any]) -> dict[str, Any]:
    """What a node that had an answer is told."""
    return ask(node, f"?epoch={known['epoch']}&since={known['change']}")


def ban(admin: FlaskClient, *ips: str, **more: Any) -> int:
    body = {"entries": [{"ip": ip} | more for ip in ips]}
    change: int = admin.post("/api/v1/blacklist", json=body).json["revision"]
    return change


def test_a_change_of_the_lists_is_what_the_node_is_to_have(
    admin: FlaskClient, node: FlaskClient
) -> None:
    change = ban(admin, "192.0.2.1")
    wanted = lambda: node.get("/api/v1/nodes/node-1/desired").json["lists"]  # noqa: E731
    assert wanted() == change == ask(node)["change"]


def test_a_node_that_has_nothing_gets_everything(admin: FlaskClient, node: FlaskClient) -> None:
    ban(admin, "192.0.2.1", reason="why", duration_seconds=60)
    admin.post("/api/v1/allowlist", json={"ip": "2001:db8::/32"})
    found = ask(node)
    assert found["full"]
    assert found["totals"] == {"blacklist": 1, "allowlist": 1}
    assert [(each["list"], each["ip"]) for each in found["entries"]] == [
        ("blacklist", "192.0.2.1"),
        ("allowlist", "2001:db8::/32"),
    ]
    assert found["entries"][0]["reason"] == "why"
    assert found["entries"][0]["expires_at"] > found["at"]


def test_a_node_gets_what_has_changed_since_and_nothing_else(
    admin: FlaskClient, node: FlaskClient
) -> None:
    ban(admin, "192.0.2.1", "192.0.2.2", "192.0.2.3")
    known = ask(node)
    ban(admin, "192.0.2.2", reason="again")
    admin.delete("/api/v1/blacklist/192.0.2.3")
    ban(admin, "192.0.2.4")
    admin.delete("/api/v1/blacklist/192.0.2.4")
    found = behind(node, known)
    assert not found["full"]
    assert [each["ip"] for each in found["entries"]] == ["192.0.2.2"]
    assert [each["ip"] for each in found["removed"]] == ["192.0.2.3", "192.0.2.4"]


def test_a_node_that_is_up_to_date_gets_nothing(admin: FlaskClient, node: FlaskClient) -> None:
    ban(admin, "192.0.2.1")
    found = behind(node, ask(node))
    assert (found["full"], found["entries"], found["removed"]) == (False, [], [])


def test_a_node_of_another_epoch_gets_everything(admin: FlaskClient, node: FlaskClient) -> None:
    change = ban(admin, "192.0.2.1")
    assert ask(node, f"?epoch=another&since={change}")["full"]


def test_a_node_that_claims_a_change_of_the_future_gets_everything(
    admin: FlaskClient, node: FlaskClient
) -> None:
    ban(admin, "192.0.2.1")
    known = ask(node)
    assert behind(node, known | {"change": known["change"] + 1})["full"]


def test_a_node_that_is_behind_the_log_gets_everything(
    admin: FlaskClient, node: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "ITEMS_MAX", 3)
    old = ask(node)
    ban(admin, "192.0.2.1")
    known = ask(node)
    for last in range(2, 5):
        ban(admin, f"192.0.2.{last}")
    assert not behind(node, known)["full"]
    assert behind(node, old)["full"]
    ban(admin, "192.0.2.5", "192.0.2.6", "192.0.2.7", "192.0.2.8")
    assert behind(node, known)["full"]


def test_everything_comes_in_pages(admin: FlaskClient, node: FlaskClient) -> None:
    ban(admin, *(f"192.0.2.{n}" for n in range(5)))
    admin.post("/api/v1/allowlist", json={"ip": "10.0.0.1"})
    found, query = [], "?limit=2"
    while True:
        page = ask(node, query)
        found += [each["ip"] for each in page["entries"]]
        if page["next_cursor"] is None:
            break
        query = f"?limit=2&cursor={page['next_cursor']}"
    assert found == [*(f"192.0.2.{n}" for n in range(5)), "10.0.0.1"]


def test_what_has_ended_is_not_told(
    admin: FlaskClient, node: FlaskClient, clock: FakeClock
) -> None:
    known = ask(node)
    ban(admin, "192.0.2.1", duration_seconds=60)
    clock.pass_ms(60_000)
    assert ask(node)["entries"] == []
    assert behind(node, known)["entries"] == []


def test_an_answer_that_is_kept_tells_the_time_of_the_asking(
    admin: FlaskClient, node: FlaskClient, clock: FakeClock
) -> None:
    ban(admin, "192.0.2.1", duration_seconds=60)
    first = ask(node)
    clock.pass_ms(1500)
    second = ask(node)
    assert second["at"] > first["at"]
    assert second["entries"] == first["entries"]


def test_what_is_confirmed_is_confirmed_for_nodes_that_were_there_before(
    admin: FlaskClient, node: FlaskClient
) -> None:
    known = ask(node)
    assert not known["confirmed"]
    before = node.get("/api/v1/nodes/node-1/desired").json["lists"]
    change = admin.post("/api/v1/fleet/lists/confirm").json["revision"]
    assert change > before
    found = ask(node, "?epoch=another&since=7")
    assert (found["confirmed"], found["change"]) == (True, change)
    assert ask(node, f"?epoch={known['epoch']}&since={change + 1}")["confirmed"] is False


def test_a_node_asks_for_itself_alone(enrol: Enrol, admin: FlaskClient) -> None:
    enrol("node-1")
    assert enrol("node-2").get(URL).status_code == 403
    assert admin.get(URL).status_code == 403

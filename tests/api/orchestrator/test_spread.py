"""Whether a change of lists or rules is in force everywhere, and what each node has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.api.orchestrator.conftest import heartbeat
from tests.support.clock import FakeClock

Enrol = Callable[..., FlaskClient]
NONE = {"applied": 0, "pending": 0, "rejected": 0, "unreachable": 0}
API = "/api/v1"


class Fleet:
    """Nodes that say what a test tells them to."""

    def __init__(self, admin: FlaskClient, enrol: Enrol, clock: FakeClock) -> None:
        self.admin, self._clock = admin, clock
        self._nodes = {name: enrol(name) for name in ("node-1", "node-2")}
        for name in self._nodes:
            self.says(name)

    def says(self, name: str, **applied: dict[str, Any]) -> None:
        body = heartbeat(self._clock, applied=applied)
        answer = self._nodes[name].post(f"{API}/nodes/{name}/heartbeat", json=body)
        assert answer.status_code == 200, answer.json

    def has(self, name: str, number: int, part: str = "lists", **more: Any) -> None:
        epoch = self._nodes[name].get(f"{API}/nodes/{name}/desired").json["epoch"]
        self.says(name, **{part: {"epoch": epoch, "number": number} | more})

    def get(self, path: str) -> Any:
        answer = self.admin.get(f"{API}/{path}")
        assert answer.status_code == 200, answer.json
        return answer.json

    def ban(self, ip: str = "192.0.2.7") -> int:
        revision: int = self.admin.post(f"{API}/blacklist", json={"ip": ip}).json["revision"]
        return revision


@pytest.fixture
def nodes(admin: FlaskClient, enrol: Enrol, clock: FakeClock) -> Fleet:
    return Fleet(admin, enrol, clock)


def test_an_entry_says_on_how_many_nodes_it_is(nodes: Fleet) -> None:
    revision = nodes.ban()
    found = nodes.get("blacklist/192.0.2.7")
    assert found["nodes"] == NONE | {"pending": 2, "of": 2}
    nodes.has("node-2", revision)
    found = nodes.get("blacklist/192.0.2.7")
    assert found["nodes"] == NONE | {"applied": 1, "pending": 1, "of": 2}


def test_a_change_is_in_force_once_every_node_has_it(nodes: Fleet) -> None:
    revision = nodes.ban()
    path = f"fleet/lists/revisions/{revision}"
    nodes.has("node-1", revision)
    found = nodes.get(path)
    assert (found["revision"], found["state"], found["reason"]) == (revision, "pending", None)
    assert found["without"] == [{"node": "node-2", "state": "pending", "message": None}]
    nodes.has("node-2", nodes.ban("192.0.2.8"))
    found = nodes.get(path)
    assert (found["state"], found["without"]) == ("in_force", [])
    assert found["nodes"] == NONE | {"applied": 2, "of": 2}


def test_a_removal_says_where_to_ask_how_far_it_is(nodes: Fleet) -> None:
    before = nodes.ban()
    answer = nodes.admin.delete(f"{API}/blacklist/192.0.2.7")
    location = answer.headers["Location"].removeprefix(f"{API}/")
    nodes.has("node-1", before)
    nodes.has("node-2", before)
    assert nodes.get(location)["nodes"] == NONE | {"pending": 2, "of": 2}
    nodes.has("node-1", before + 1)
    nodes.has("node-2", before + 1)
    assert nodes.get(location)["state"] == "in_force"


def test_a_node_that_is_silent_holds_nothing_up_and_is_named(
    nodes: Fleet, clock: FakeClock
) -> None:
    revision = nodes.ban()
    clock.pass_ms(31_000)
    nodes.has("node-1", revision)
    found = nodes.get(f"fleet/lists/revisions/{revision}")
    assert found["state"] == "in_force"
    assert found["nodes"] == NONE | {"applied": 1, "unreachable": 1, "of": 2}
    assert [each["node"] for each in found["without"]] == ["node-2"]


def test_a_node_that_refuses_a_change_says_why(nodes: Fleet) -> None:
    revision = nodes.ban()
    nodes.has("node-1", revision)
    nodes.has("node-2", revision, state="rejected", message="the lists are full")
    found = nodes.get(f"fleet/lists/revisions/{revision}")
    assert (found["state"], found["reason"]) == ("rejected", "node-2: the lists are full")


def test_a_number_that_was_never_given_out_counts_for_nothing(nodes: Fleet) -> None:
    revision = nodes.ban()
    nodes.has("node-1", 10**18)
    nodes.says("node-2", lists={"epoch": "another", "number": revision})
    assert nodes.get("blacklist/192.0.2.7")["nodes"] == NONE | {"pending": 2, "of": 2}


def test_what_a_node_waits_with_is_not_counted_as_there(nodes: Fleet) -> None:
    revision = nodes.ban()
    nodes.has("node-1", revision, state="pending", message="the API is away")
    found = nodes.get(f"fleet/lists/revisions/{revision}")["without"][0]
    assert (found["state"], found["message"]) == ("pending", "the API is away")


def test_a_rule_has_the_same(nodes: Fleet) -> None:
    body = {"pattern": "select", "action": "block"}
    made = nodes.admin.post(f"{API}/rules", json=body).json
    nodes.has("node-1", made["revision"], "rules")
    assert nodes.get(f"rules/{made['id']}")["nodes"]["applied"] == 1
    gone = nodes.admin.delete(f"{API}/rules/{made['id']}").headers["Location"]
    assert gone == f"{API}/fleet/rules/revisions/{made['revision'] + 1}"
    assert nodes.get(gone.removeprefix(f"{API}/"))["nodes"]["pending"] == 2


def test_a_change_of_the_rules_asks_nothing_of_the_lists(nodes: Fleet) -> None:
    revision = nodes.ban()
    nodes.has("node-1", revision)
    nodes.has("node-2", revision)
    later = nodes.admin.post(f"{API}/rules", json={"pattern": "x", "action": "log"}).json
    assert nodes.get(f"fleet/lists/revisions/{later['revision']}")["state"] == "in_force"


def test_a_change_that_was_not_made_is_not_found(nodes: Fleet) -> None:
    answer = nodes.admin.get(f"{API}/fleet/lists/revisions/{nodes.ban() + 1}")
    assert answer.status_code == 404
    assert "the newest is" in answer.json["detail"]


def test_a_fleet_without_nodes_has_every_change(admin: FlaskClient) -> None:
    admin.post(f"{API}/blacklist", json={"ip": "192.0.2.7"})
    assert admin.get(f"{API}/blacklist/192.0.2.7").json["nodes"] == NONE | {"of": 0}


def test_a_node_shows_what_it_has_of_each_part_and_what_it_is_to_have(nodes: Fleet) -> None:
    shown = nodes.get("nodes/node-1")
    assert (shown["policy"], shown["lists"], shown["rules"]) == (None, None, None)
    first, second = nodes.ban(), nodes.ban("192.0.2.8")
    nodes.has("node-1", first)
    found = nodes.get("nodes/node-1")["lists"]
    assert (found["number"], found["wanted"], found["is_newest"]) == (first, second, False)
    nodes.has("node-1", second)
    (listed,) = nodes.get("nodes?text=node-1")["nodes"]
    assert (listed["lists"]["wanted"], listed["lists"]["is_newest"]) == (second, True)


def test_a_node_without_a_policy_of_the_fleet_has_the_newest(nodes: Fleet) -> None:
    nodes.has("node-1", 0, "policy")
    found = nodes.get("nodes/node-1")["policy"]
    assert (found["wanted"], found["is_newest"]) == (None, True)
    body = {"name": "strict", "rules": [{"type": "rate_limit", "value": 1000}]}
    assert nodes.admin.post(f"{API}/policy", json=body).status_code == 202
    found = nodes.get("nodes/node-1")["policy"]
    assert (found["wanted"], found["is_newest"]) == (1, False)


def test_a_node_that_lies_about_its_numbers_has_not_the_newest(nodes: Fleet) -> None:
    nodes.ban()
    nodes.has("node-1", 10**18)
    assert nodes.get("nodes/node-1")["lists"]["is_newest"] is False

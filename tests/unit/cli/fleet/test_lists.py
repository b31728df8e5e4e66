"""``blacklist``, ``allowlist`` and ``rules`` with ``--fleet``: what they ask and say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ..conftest import KEY

ENTRY = {
    "ip": "192.0.2.7",
    "origin": "fleet",
    "reason": "scan",
    "duration_seconds": None,
    "created_at": "2026-11-30T00:00:00.000Z",
    "expires_at": None,
    "created_by": "admin",
    "revision": 4,
}
RULE = {"id": "rule_3", "status": "active", "action": "block", "pattern": "x", "revision": 5}
ADDED = "192.0.2.7 is on the blacklist in the fleet: its nodes follow (revision 4)\n"


@pytest.fixture
def fleet(api: Any, secbeat: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs the command line with the fake API as the orchestrator."""
    monkeypatch.delenv("SECBEAT_API_KEY")
    monkeypatch.setenv("ORCHESTRATOR_API_KEY", KEY)
    monkeypatch.setenv("SECBEAT_ORCHESTRATOR", api.url)
    return secbeat


def test_a_ban_goes_to_the_orchestrator(api: Any, fleet: Any) -> None:
    api.answers_with(201, ENTRY)
    done = fleet("blacklist", "add", "192.0.2.7", "--reason", "scan", "--fleet")
    assert (done.code, done.out) == (0, ADDED)
    (request,) = api.requests
    assert (request.method, request.path) == ("POST", "/api/v1/blacklist")
    assert request.json == {"ip": "192.0.2.7", "reason": "scan"}


def test_a_warning_of_the_fleet_is_told(api: Any, fleet: Any) -> None:
    api.answers_with(201, ENTRY | {"warnings": ["it does not act on 192.0.2.9"]})
    done = fleet("blacklist", "add", "192.0.2.0/24", "--fleet")
    assert done.err == "secbeat: warning: it does not act on 192.0.2.9\n"


def test_a_list_of_the_fleet_has_no_columns_of_a_node(api: Any, fleet: Any) -> None:
    api.answers_with(200, {"blacklist": [ENTRY], "total": 1, "next_cursor": None})
    done = fleet("blacklist", "list", "--fleet")
    assert done.out.splitlines() == [
        "ip\texpires_at\tcreated_by\torigin\treason",
        "192.0.2.7\t-\tadmin\tfleet\tscan",
    ]
    assert api.requests[0].query == {"limit": "100"}


def test_filters_of_a_list_go_to_the_orchestrator(api: Any, fleet: Any) -> None:
    api.answers_with(200, {"blacklist": [ENTRY], "total": 1, "next_cursor": None})
    done = fleet("blacklist", "list", "--text", "scan", "--sort", "newest", "--fleet")
    assert done.code == 0
    assert api.requests[0].query == {"limit": "100", "text": "scan", "sort": "newest"}
    fleet("blacklist", "list", "--all", "--fleet")
    assert "hits" not in api.requests[1].query


def test_what_covers_an_address_in_the_fleet_is_shown(api: Any, fleet: Any) -> None:
    listed = {"list": "blacklist", "ip": "192.0.2.0/24"}
    found = ENTRY | {"ip": "192.0.2.0/24", "asked": "192.0.2.7", "list": "blacklist"}
    found |= {"verdict": "banned", "decided_by": listed, "covering": [listed], "inside": []}
    api.answers_with(200, found)
    done = fleet("blacklist", "show", "192.0.2.7", "--fleet")
    assert "verdict\tbanned by 192.0.2.0/24 of the blacklist" in done.out.splitlines()
    assert api.requests[0].query == {"covering": "true"}


def test_the_fleet_s_audit_trail_is_listed(api: Any, fleet: Any) -> None:
    row = {"id": 1, "at": "t", "key": "admin", "action": "node.drain", "target": "node-1"}
    api.answers_with(200, {"audit": [row], "total": 1, "next_cursor": None})
    done = fleet("audit", "list", "--action", "node", "--fleet")
    assert "node-1" in done.out
    (request,) = api.requests
    assert (request.path, request.query) == ("/api/v1/audit", {"limit": "100", "action": "node"})
    assert request.headers["X-SecBeat-API-Key"] == KEY


@pytest.mark.parametrize("option", [("--sort", "hits"), ("--hits",), ("--origin", "fleet")])
def test_what_only_a_node_knows_is_refused(api: Any, fleet: Any, option: tuple[str, ...]) -> None:
    done = fleet("blacklist", "list", "--fleet", "--all", *option)
    assert done.code == 2
    assert "doesn't go with" in done.err
    assert api.requests == []


def test_an_entry_of_the_fleet_is_removed(api: Any, fleet: Any) -> None:
    api.answers_with(204)
    done = fleet("allowlist", "remove", "192.0.2.0/24", "--fleet")
    assert done.out == "192.0.2.0/24 is off the allowlist in the fleet: its nodes follow\n"
    (request,) = api.requests
    assert (request.method, request.query) == ("DELETE", {})
    assert request.path == "/api/v1/allowlist/192.0.2.0%2F24"


def test_a_file_is_imported_into_the_fleet(api: Any, fleet: Any, tmp_path: Path) -> None:
    file = tmp_path / "drop.txt"
    file.write_text("192.0.2.7\n")
    counts = {"lines": 1, "added": 1, "replaced": 0, "skipped": 0, "skipped_lines": []}
    api.answers_with(201, counts | {"revision": 4})
    done = fleet("blacklist", "import", file, "--fleet")
    told = "1 of 1 lines are put on the blacklist in the fleet: its nodes follow (revision 4)\n"
    assert (done.code, done.out) == (0, told)


def test_what_has_no_meaning_for_a_fleet_is_refused(api: Any, fleet: Any) -> None:
    done = fleet("blacklist", "add", "192.0.2.7", "--fleet", "--origin", "manual")
    assert done.code == 2
    assert "--origin doesn't go with --fleet" in done.err
    assert api.requests == []


def spread(state: str, **nodes: int) -> dict[str, Any]:
    """What the orchestrator says of a revision."""
    counts = {"applied": 0, "pending": 0, "rejected": 0, "unreachable": 0} | nodes
    without = [
        {"node": f"node-{n}", "state": "pending", "message": None} for n in range(counts["pending"])
    ]
    return {"state": state, "reason": None, "nodes": counts, "without": without}


def test_a_ban_is_waited_for_on_every_node(api: Any, fleet: Any) -> None:
    api.answers_with(201, ENTRY)
    api.answers_with(200, spread("pending", applied=17, pending=2, unreachable=1, of=20))
    api.answers_with(200, spread("in_force", applied=19, unreachable=1, of=20))
    done = fleet("blacklist", "add", "192.0.2.7", "--fleet", "--wait")
    assert done.code == 0
    assert done.out == (
        "192.0.2.7 is on the blacklist in the fleet: in force on 19 of 20 nodes, 1 unreachable "
        "(revision 4)\n"
    )
    assert {each.path for each in api.requests[1:]} == {"/api/v1/fleet/lists/revisions/4"}


def test_nodes_that_do_not_get_a_ban_in_time_are_named(api: Any, fleet: Any) -> None:
    api.answers_with(201, ENTRY)
    api.answers_with(200, spread("pending", applied=1, pending=1, of=2))
    done = fleet("blacklist", "add", "192.0.2.7", "--fleet", "--wait", "--timeout", "0.1")
    assert done.code == 75
    assert "still pending after 0.1 s on 1 of 2 nodes: node-0" in done.err


def test_a_removal_is_waited_for_by_its_location(api: Any, fleet: Any) -> None:
    api.answers_with(204, None, Location="/api/v1/fleet/lists/revisions/9")
    api.answers_with(200, spread("in_force", applied=2, of=2))
    done = fleet("blacklist", "remove", "192.0.2.7", "--fleet", "--wait", "--json")
    assert done.json["revision"] == 9
    assert (done.json["state"], done.json["nodes"]["applied"]) == ("in_force", 2)


def test_a_rule_that_a_node_refuses_is_an_error(api: Any, fleet: Any) -> None:
    api.answers_with(201, RULE)
    api.answers_with(200, spread("rejected", rejected=1, of=1) | {"reason": "node-1: rule_3: no"})
    done = fleet("rules", "add", "x", "--action", "block", "--fleet", "--wait")
    assert done.code == 1
    assert "revision 5 was rejected: node-1: rule_3: no" in done.err
    assert api.requests[1].path == "/api/v1/fleet/rules/revisions/5"


def test_rules_of_the_fleet_are_added_switched_and_deleted(api: Any, fleet: Any) -> None:
    api.answers_with(201, RULE)
    api.answers_with(200, RULE | {"enabled": False})
    api.answers_with(204)
    added = fleet("rules", "add", "x", "--action", "block", "--fleet")
    assert added.out == "rule_3 is added in the fleet: its nodes follow (revision 5)\n"
    assert fleet("rules", "set", "rule_3", "--disable", "--fleet").code == 0
    assert fleet("rules", "delete", "rule_3", "--fleet").code == 0
    asked = [(each.method, each.path) for each in api.requests]
    assert asked == [
        ("POST", "/api/v1/rules"),
        ("PATCH", "/api/v1/rules/rule_3"),
        ("DELETE", "/api/v1/rules/rule_3"),
    ]


def test_rules_are_imported_into_the_fleet_and_waited_for(
    api: Any, fleet: Any, tmp_path: Path
) -> None:
    file = tmp_path / "rules.ndjson"
    file.write_text('{"pattern":"x","action":"block"}\n')
    api.answers_with(201, {"revision": 6, "lines": 1, "added": 1})
    api.answers_with(200, spread("in_force", applied=2, of=2))
    done = fleet("rules", "import", file, "--fleet", "--wait")
    told = "1 rules are added in the fleet: in force on 2 of 2 nodes (revision 6)\n"
    assert (done.code, done.out) == (0, told)
    sent, asked = api.requests
    assert (sent.path, sent.query, sent.body) == ("/api/v1/rules/import", {}, file.read_bytes())
    assert asked.path == "/api/v1/fleet/rules/revisions/6"


def test_the_orchestrator_tries_no_pattern_that_could_be_left_out(
    api: Any, fleet: Any, tmp_path: Path
) -> None:
    done = fleet("rules", "import", tmp_path / "f", "--fleet", "--on-refused", "skip")
    assert done.code == 2
    assert "--on-refused doesn't go with --fleet" in done.err
    assert api.requests == []


def test_rules_of_the_fleet_are_exported(api: Any, fleet: Any) -> None:
    rule = RULE | {"severity": "low", "targets": ["any"], "profiles": [], "enabled": True}
    api.answers_with(200, {"rules": [rule], "total": 1, "next_cursor": None})
    done = fleet("rules", "export", "--fleet")
    assert done.out == '{"pattern": "x", "action": "block", "severity": "low"}\n'
    assert api.requests[0].path == "/api/v1/rules"

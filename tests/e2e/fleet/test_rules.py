"""A rule of the fleet blocks requests at the node."""

from __future__ import annotations

from tests.support.instances.fleet import FleetLab
from tests.support.waiting import wait_for

URL = "http://198.19.0.1"
INSPECTING = {"name": "inspecting", "http": {"ports": [80]}}


def status(fleet: FleetLab, path: str) -> str:
    done = fleet.in_client(
        *("curl", "-gsS", "-o", "/dev/null", "--max-time", "30", "-w", "%{http_code}"), URL + path
    )
    return done.stdout


def test_a_rule_on_the_orchestrator_blocks_a_request_at_the_node(fleet: FleetLab) -> None:
    fleet.healthy_node()
    fleet.change("PUT", "/policy", json=INSPECTING)
    assert status(fleet, "/?q=fleet-marker") == "200"
    body = {"pattern": "fleet-marker", "action": "block", "severity": "high"}
    answer = fleet.fleet("POST", "/rules", json=body)
    assert answer.status_code == 201, answer.text
    rule = answer.json()["id"]
    wait_for(lambda: status(fleet, "/?q=fleet-marker") == "403", "it blocks")
    assert status(fleet, "/?q=other") == "200"
    (found,) = fleet.api("GET", "/rules?origin=fleet").json()["rules"]
    assert (found["fleet_id"], found["status"]) == (rule, "active")
    refused = fleet.api("DELETE", f"/rules/{found['id']}")
    assert refused.status_code == 409, refused.text
    assert fleet.fleet("DELETE", f"/rules/{rule}").status_code == 204
    wait_for(lambda: status(fleet, "/?q=fleet-marker") == "200", "it is gone")
    assert fleet.api("GET", "/rules").json()["total"] == 0

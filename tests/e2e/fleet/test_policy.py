"""A policy that is deployed on the orchestrator decides what becomes of packets at the node."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from appliance.lab.fleet import orchestrator
from tests.support.frozen import frozen
from tests.support.instances.fleet import FleetLab
from tests.support.instances.lab import SECBEAT, run
from tests.support.values.countries_file import build
from tests.support.waiting import wait_for

TERMS_S = (20, 60)
"""For a confirmation; the first is enough to see the policy, unless the machine stalls."""
ORIGIN_IP, CLIENT = "198.19.0.1", "198.18.9.2"
OF_THE_CONTRACT = {
    "name": "strict-mode",
    "rules": [
        {"type": "rate_limit", "value": 1000},
        {"type": "geo_block", "countries": ["CN", "RU"]},
    ],
}
OPEN = {"name": "open"}


@pytest.fixture(scope="module")
def node(fleet: FleetLab, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A node for which the client is in China; its id."""
    fleet.add_address("client", f"{CLIENT}/15")
    build(
        fleet.instance.state_dir / "countries" / "countries.db", tmp_path_factory.mktemp("c"), "CN"
    )

    def read() -> bool:
        return fleet.api("GET", "/status").json()["countries"] is not None

    wait_for(read, "the country database is in use", every_s=0.2)
    return str(fleet.healthy_node()["id"])


@pytest.fixture
def blocked(fleet: FleetLab, node: str) -> None:
    """The contract's policy is in force on the node."""
    settle(fleet, deploy(fleet, OF_THE_CONTRACT), "done")
    wait_for(lambda: not reaches(fleet), "the client's country is blocked")


def reaches(fleet: FleetLab) -> bool:
    return fleet.curl(f"http://{ORIGIN_IP}/", CLIENT, timeout_s=1).returncode == 0


def deploy(fleet: FleetLab, document: dict[str, Any], query: str = "") -> int:
    answer = fleet.fleet("POST", f"/policy{query}", json=document)
    assert answer.status_code == 202, answer.text
    return int(answer.json()["id"])


def look(fleet: FleetLab, number: int) -> dict[str, Any]:
    found: dict[str, Any] = fleet.fleet("GET", f"/deployments/{number}").json()
    return found


def settle(fleet: FleetLab, number: int, state: str) -> dict[str, Any]:
    def settled() -> dict[str, Any] | None:
        found = look(fleet, number)
        return found if found["state"] == state else None

    return wait_for(settled, f"deployment {number} is {state}", bound_s=60, every_s=0.2)


def told(fleet: FleetLab, number: int, state: str) -> dict[str, Any]:
    """The one node of a deployment, as soon as the orchestrator knows it to be in a state."""

    def known() -> dict[str, Any] | None:
        found: dict[str, Any] = look(fleet, number)["nodes"][0]
        return found if found["state"] == state else None

    return wait_for(known, f"the node is {state}", bound_s=60, every_s=0.2)


def test_the_contract_s_policy_is_in_force_on_the_node(fleet: FleetLab, node: str) -> None:
    wait_for(lambda: reaches(fleet), "the client is let through")
    number = deploy(fleet, OF_THE_CONTRACT)
    wait_for(lambda: not reaches(fleet), "the client's country is blocked")
    found = settle(fleet, number, "done")
    assert found["nodes"] == [
        {"node": node, "state": "applied", "message": None, "status": "healthy"}
    ]
    shown = fleet.api("GET", "/policy").json()
    assert shown["policy"]["rules"][0]["value"] == 1000
    assert shown["fleet"]["number"] == found["policy"]
    assert fleet.stats().ports["outside"].dropped["geo_block"] > 0


def test_an_override_on_the_node_is_seen_and_given_back(fleet: FleetLab, blocked: None) -> None:
    newest = fleet.fleet("GET", "/deployments?limit=1").json()["deployments"][0]["id"]
    refused = fleet.api("PUT", "/policy", json=OPEN)
    assert refused.status_code == 409
    assert "override=true" in refused.json()["detail"]

    fleet.change("PUT", "/policy?override=true", json=OPEN)
    wait_for(lambda: reaches(fleet), "the node's own policy is in force")
    told(fleet, newest, "overridden")

    fleet.change("DELETE", "/policy/override")
    wait_for(lambda: not reaches(fleet), "the fleet's policy is in force again")
    told(fleet, newest, "applied")


def test_a_policy_that_the_node_rejects_changes_nothing_there(
    fleet: FleetLab, blocked: None
) -> None:
    fleet.change("POST", "/allowlist", json={"ip": CLIENT})
    try:
        number = deploy(fleet, OF_THE_CONTRACT | {"name": "again"})
        found = told(fleet, number, "rejected")
        assert f"would cut off {CLIENT}, which is in CN" in found["message"]
        assert settle(fleet, number, "done")["reason"] == "rejected: 1"
        assert fleet.api("GET", "/policy").json()["policy"]["name"] == "strict-mode"
    finally:
        fleet.change("DELETE", f"/allowlist/{CLIENT}")


def test_without_a_confirmation_it_is_withdrawn_also_by_an_orchestrator_that_was_killed(
    fleet: FleetLab, blocked: None
) -> None:
    number = 0

    def is_seen_in(seconds: int) -> bool:
        nonlocal number
        number = deploy(fleet, OPEN, f"?confirm_within={seconds}")
        wait_for(
            lambda: reaches(fleet) or look(fleet, number)["state"] == "rolled_back",
            "the policy lets the client through, or is withdrawn",
            bound_s=seconds + 60,
        )
        return bool(look(fleet, number)["state"] != "rolled_back")

    term_s = next(filter(is_seen_in, TERMS_S))
    fleet.kill("orchestrator", signal.SIGKILL)
    wait_for(lambda: not reaches(fleet), "the policy of before is in force", bound_s=term_s + 60)
    assert settle(fleet, number, "rolled_back")["reason"] == f"not confirmed within {term_s} s"


def test_a_canary_that_drops_its_clients_gets_back_what_it_had(fleet: FleetLab, node: str) -> None:
    settle(fleet, deploy(fleet, OPEN), "done")
    wait_for(lambda: reaches(fleet), "the client is let through")
    number = deploy(fleet, OF_THE_CONTRACT, "?strategy=canary&hold_seconds=3600")
    told(fleet, number, "applied")

    def withdrawn() -> bool:
        fleet.in_client("ping", "-q", "-f", "-c", "200", "-W", "1", "-I", CLIENT, ORIGIN_IP)
        return bool(look(fleet, number)["state"] == "rolled_back")

    wait_for(withdrawn, "the canary is withdrawn", bound_s=120)
    assert f"{node} drops" in look(fleet, number)["reason"]
    wait_for(lambda: reaches(fleet), "the policy of before is in force")


def test_a_node_that_is_killed_during_a_deployment_has_the_policy_when_it_is_back(
    fleet: FleetLab, node: str
) -> None:
    settle(fleet, deploy(fleet, OPEN), "done")
    wait_for(lambda: reaches(fleet), "the client is let through")
    before = {name: fleet.process(name) for name in ("agent", "dataplane")}
    states = []
    with frozen(before["agent"]["pid"]), frozen(before["dataplane"]["pid"]):
        answer = fleet.fleet("POST", "/policy", json=OF_THE_CONTRACT)
        assert answer.status_code == 202, answer.text
        assert answer.json()["counts"] == {"pending": 1}
    number = int(answer.json()["id"])

    def applied() -> bool:
        states.append(look(fleet, number)["nodes"][0]["state"])
        return states[-1] == "applied"

    wait_for(applied, "the node has applied it", bound_s=180, every_s=0.2)
    assert set(states) <= {"pending", "unreachable", "applied"}, "it was said to be without it"
    assert all(fleet.process(name)["restarts"] > before[name]["restarts"] for name in before)
    wait_for(lambda: not reaches(fleet), "the client's country is blocked")
    assert settle(fleet, number, "done")["nodes"][0]["state"] == "applied"


def test_the_command_line_deploys_and_waits(fleet: FleetLab, node: str, tmp_path: Path) -> None:
    file = tmp_path / "open.toml"
    file.write_text('name = "from-a-file"\n')
    done = run(
        *(*SECBEAT, "policy", "apply", str(file), "--fleet", "--wait"),
        *("--orchestrator", orchestrator.url(fleet.instance)),
        *("--key-file", str(orchestrator.admin_key(fleet.instance))),
    )
    assert done.returncode == 0, done.stderr
    assert f"{node}\tapplied\thealthy\t-" in done.stdout
    assert fleet.api("GET", "/policy").json()["policy"]["name"] == "from-a-file"

"""``policy.yml`` brings the policy of a file to the nodes of a real orchestrator."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.documents.playbooks import TREE, ansible
from tests.support.servers.fleet_server import KEY, FleetServer

from .conftest import Nodes

pytestmark = pytest.mark.timeout(900)  # Ansible starts twice, and `secbeat` ten times
POLICY = 'name = "strict"\n[[rules]]\ntype = "rate_limit"\nvalue = 1000\n'
Play = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def play(server: FleetServer, nodes: Nodes, tmp_path: Path) -> Play:
    """Runs it on this host, for a node in fra and one in ams; options are variables."""
    nodes.join("node-1", {"site": "fra"})
    nodes.join("node-2", {"site": "ams"})
    nodes.start()
    file = tmp_path / "policy.toml"
    file.write_text(POLICY)
    here = {"secbeat_policy_orchestrator": "localhost", "ansible_become": False}
    here |= {"secbeat_policy_command": [sys.executable, "-m", "appliance.cli.main"]}

    def run(*options: str, **variables: Any) -> subprocess.CompletedProcess[str]:
        given = here | {f"secbeat_policy_{name}": value for name, value in variables.items()}
        given.setdefault("secbeat_policy_file", str(file))
        inventory = ("-i", "localhost,", "-e", "ansible_connection=local")
        done = ansible(
            "ansible-playbook",
            *(*inventory, "-e", json.dumps(given), *options),
            TREE / "playbooks" / "policy.yml",
            home=tmp_path,
            PYTHONPATH=str(TREE),
            SECBEAT_ORCHESTRATOR=f"http://127.0.0.1:{server.port}",
            ORCHESTRATOR_API_KEY=KEY,
        )
        assert KEY not in done.stdout + done.stderr
        return done

    return run


def deployments(server: FleetServer) -> list[Any]:
    """Newest first."""
    found: list[Any] = server.request("GET", "/deployments")[1]["deployments"]
    return found


def changed(done: subprocess.CompletedProcess[str]) -> int:
    """Of a run that went well."""
    assert done.returncode == 0, done.stdout + done.stderr
    found = re.search(r"changed=(\d+)", done.stdout)
    assert found, done.stdout
    return int(found[1])


def test_every_node_gets_the_policy_and_a_second_run_changes_nothing(
    server: FleetServer, play: Play
) -> None:
    assert changed(play()) == 1
    assert [(one["state"], one["counts"]) for one in deployments(server)] == [
        ("done", {"applied": 2})
    ]
    assert server.request("GET", "/policy")[1]["policy"]["name"] == "strict"
    again = play()
    assert changed(again) == 0
    assert "every node has it" in again.stdout
    assert len(deployments(server)) == 1


def test_a_run_that_only_looks_says_what_would_change(server: FleetServer, play: Play) -> None:
    looks = play("--check")
    assert changed(looks) == 1
    assert '"state": "dry_run"' in looks.stdout
    assert deployments(server) == []


def test_nodes_that_are_chosen_get_it_as_they_are_to(server: FleetServer, play: Play) -> None:
    done = play(selector="site=fra", strategy="canary", hold="5s", confirm_within="1h")
    assert changed(done) == 1
    (found,) = deployments(server)
    assert (found["selector"], found["strategy"], found["canary"]) == (
        "site=fra",
        "canary",
        "node-1",
    )
    assert (found["hold_seconds"], found["confirm_within"]) == (5, 3600)
    assert found["state"] == "confirming"
    assert f"unless: secbeat fleet deployments confirm {found['id']}" in done.stdout


def test_another_deployment_for_one_of_its_nodes_makes_it_go_out_again(
    server: FleetServer, play: Play
) -> None:
    assert changed(play()) == 1
    other = {"name": "other", "rules": [{"type": "rate_limit", "value": 2000}]}
    assert server.request("POST", "/policy?selector=site=fra", other)[0] == 202
    assert changed(play(dry_run=True)) == 1
    assert len(deployments(server)) == 2


def test_a_canary_that_has_the_policy_is_not_begun_anew(server: FleetServer, play: Play) -> None:
    document = {"name": "strict", "rules": [{"type": "rate_limit", "value": 1000}]}
    query = "strategy=canary&hold_seconds=3600"
    assert server.request("POST", f"/policy?{query}", document)[0] == 202
    assert changed(play("--check")) == 0


def test_nodes_that_reject_it_fail_the_run_in_their_words(
    server: FleetServer, nodes: Nodes, play: Play
) -> None:
    nodes.rejects = {"node-1": "no room for it", "node-2": "nor here"}
    done = play()
    assert done.returncode != 0
    assert "node-1: no room for it" in done.stdout
    assert "node-2: nor here" in done.stdout
    assert changed(play("--check")) == 1  # it would try again

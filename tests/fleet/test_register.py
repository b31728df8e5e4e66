"""``register.yml``: nodes join the fleet."""

from __future__ import annotations

import json

from tests.fleet.conftest import NODES, ORCHESTRATOR
from tests.fleet.support.playbook import play_well
from tests.fleet.support.run import Run


def test_nodes_join_and_are_healthy_while_the_packet_path_goes_on(run: Run) -> None:
    asked = "systemctl show --property=MainPID,NRestarts secbeat-dataplane"
    before = {name: run.ssh(name, asked) for name in NODES}
    outcome = play_well(run, "register.yml")
    assert {name: run.ssh(name, asked) for name in NODES} == before
    listed = json.loads(run.ssh(ORCHESTRATOR, "secbeat nodes list --json"))["nodes"]
    assert [(node["status"], node["labels"]["site"]) for node in listed] == [
        ("healthy", "lab") for _ in NODES
    ]
    token = json.loads(run.ssh(ORCHESTRATOR, "secbeat fleet tokens list --json"))["tokens"]
    assert {one["name"]: one["uses"] for one in token if one["name"] in NODES} == dict.fromkeys(
        NODES, 1
    )
    assert '"token"' not in outcome.text


def test_a_second_run_changes_nothing(run: Run) -> None:
    for playbook in ("register.yml", "site.yml"):
        outcome = play_well(run, playbook)
        assert set(outcome.changed().values()) == {0}, outcome.text

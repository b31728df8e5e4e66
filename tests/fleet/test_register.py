"""``register.yml``: nodes join the fleet."""

from __future__ import annotations

import json

from tests.fleet.conftest import AT_ONCE, NODES, ORCHESTRATOR
from tests.fleet.support.playbook import play_well
from tests.fleet.support.run import Run


def test_nodes_join_and_are_healthy_while_the_packet_path_goes_on(run: Run) -> None:
    asked = "systemctl show --property=MainPID,NRestarts secbeat-dataplane"
    before = {name: run.ssh(name, asked) for name in NODES}
    interrupted = f"secbeat fleet tokens create {NODES[0]} --uses 1 --expires 15m"
    run.ssh(ORCHESTRATOR, interrupted)  # by a run that has come no further
    outcome = play_well(run, "register.yml", *AT_ONCE)
    assert {name: run.ssh(name, asked) for name in NODES} == before
    listed = json.loads(run.ssh(ORCHESTRATOR, "secbeat nodes list --json"))["nodes"]
    assert {
        node["id"]: (node["status"], node["labels"]["site"]) for node in listed
    } == dict.fromkeys(NODES, ("healthy", "lab"))
    token = json.loads(run.ssh(ORCHESTRATOR, "secbeat fleet tokens list --json"))["tokens"]
    assert {one["name"]: one["uses"] for one in token if one["name"] in NODES} == dict.fromkeys(
        NODES, 1
    )
    assert '"token"' not in outcome.text


def test_a_second_run_changes_nothing(run: Run) -> None:
    for playbook in ("register.yml", "site.yml"):
        outcome = play_well(run, playbook, *AT_ONCE)
        assert set(outcome.changed().values()) == {0}, outcome.text

"""``rollout.yml``: a node is upgraded while it drains, and goes back when that fails."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fleet.conftest import NODES, ORCHESTRATOR
from tests.fleet.support.asking import Watch, follow
from tests.fleet.support.load import Load
from tests.fleet.support.playbook import INVENTORY, play, play_well
from tests.fleet.support.release import release_with
from tests.fleet.support.run import Run
from tests.support.waiting import wait_for

MODULE = "appliance/cli/processes.py"
FIRST, SECOND = "\nFIRST = True\n", "\nSECOND = True\n"
NO_PACKET_PATH = "\n\ndef dataplane() -> int:\n    return 1\n"
"""The last definition is what counts: API and agent of this release start."""
PROCESS = "systemctl show --property=MainPID,NRestarts secbeat-dataplane"
MOVES_S = 120
HEARD_S = 120
"""For heartbeats to tell that a drain has ended."""
CONFIGURATION = INVENTORY.parent / "lab" / "node.toml"


def end_of_module(run: Run, name: str) -> str:
    return run.ssh(name, f"tail -n 1 /opt/secbeat/lib/python3*/site-packages/{MODULE}").strip()


def works(run: Run, name: str) -> bool:
    status = json.loads(run.ssh(name, "secbeat status --json"))
    ready = run.get(f"https://{name}:9999/api/v1/health/ready").status_code
    return (status["status"], status["drain"], ready) == ("running", None, 200)


def given(folder: Path, configuration: Path = CONFIGURATION) -> tuple[str, ...]:
    values = {"release_wheelhouse": folder, "node_configuration": configuration}
    return tuple(word for name in values for word in ("-e", f"secbeat_{name}={values[name]}"))


@pytest.fixture(scope="module")
def load(run: Run) -> Iterator[Load]:
    """Requests to the origin, all the time."""
    run.spread(*NODES)
    with run.origin() as lab:
        with Load(lab) as load:
            yield load
        assert load.answered > 0
        assert load.lost == {}


def test_check_mode_tells_who_would_get_a_release_and_drains_nobody(run: Run) -> None:
    release = release_with(run.directory / "first", MODULE, FIRST)
    before = {name: run.ssh(name, PROCESS) for name in NODES}
    outcome = play_well(run, "rollout.yml", "--check", *given(release))
    assert all(outcome.changed()[name] > 0 for name in NODES), outcome.text
    assert {name: run.ssh(name, PROCESS) for name in NODES} == before
    for name in NODES:
        assert end_of_module(run, name) != FIRST.strip()
        assert works(run, name)


def test_a_release_comes_to_each_node_and_no_request_is_lost(run: Run, load: Load) -> None:
    release = release_with(run.directory / "second", MODULE, SECOND)
    sent = {name: run.sent(name) for name in NODES}
    with Watch(run, ORCHESTRATOR) as fleet:
        outcome = play_well(run, "rollout.yml", *given(release))
        wait_for(lambda: follow(run, ORCHESTRATOR, NODES), "all are healthy", HEARD_S, every_s=1)
    for name in NODES:
        assert end_of_module(run, name) == SECOND.strip()
        assert works(run, name)
        assert {"draining", "healthy"} <= fleet.seen[name] <= {"draining", "healthy", "degraded"}
        assert f"ok: [{name} -> {ORCHESTRATOR}]" in outcome.text  # it was asked how the node is
        wait_for(lambda name=name: run.sent(name) > sent[name], f"{name} has requests", MOVES_S)
    assert load.lost == {}
    outcome = play_well(run, "rollout.yml", "--check", *given(release))
    assert outcome.changed() == dict.fromkeys(NODES, 0), outcome.text


def test_a_release_that_does_not_work_ends_with_the_first_batch_and_goes_back(
    run: Run, load: Load
) -> None:
    release = release_with(run.directory / "broken", MODULE, NO_PACKET_PATH)
    configuration = run.directory / "other.toml"
    configuration.write_text(CONFIGURATION.read_text() + "\n[node]\nmode = 'tcp'\n")
    before = {name: run.ssh(name, "cat /etc/secbeat/secbeat.toml") for name in NODES}
    others = {name: run.ssh(name, PROCESS) for name in NODES[1:]}
    outcome = play(run, "rollout.yml", *given(release, configuration))
    assert outcome.code != 0
    assert f"the batch {NODES[0]} failed and was rolled back" in outcome.text, outcome.text
    for name in NODES:
        assert end_of_module(run, name) == SECOND.strip()
        assert run.ssh(name, "cat /etc/secbeat/secbeat.toml") == before[name]
        assert works(run, name)
    assert {name: run.ssh(name, PROCESS) for name in NODES[1:]} == others
    wait_for(lambda: follow(run, ORCHESTRATOR, NODES), "all are healthy", HEARD_S, every_s=1)
    assert load.lost == {}

"""``scale.yml`` has a real orchestrator make nodes, whose job runs the same playbook for each."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.cloud_hosts import BOUND_S, Cloud, Host, ended, known
from tests.support.documents.playbooks import TREE, ansible
from tests.support.servers.fleet_server import KEY
from tests.support.waiting import wait_for

pytestmark = pytest.mark.timeout(900)  # Ansible starts for each node
Play = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def room() -> Iterator[Path]:
    """Its path is short, as that of a Unix socket must be."""
    with tempfile.TemporaryDirectory(prefix="secbeat-scale-") as directory:
        yield Path(directory)


@pytest.fixture
def cloud(room: Path) -> Cloud:
    return Cloud(room)


@pytest.fixture
def host(room: Path, cloud: Cloud, fleet_schema: Path) -> Iterator[Host]:
    (room / "fleet.db").write_bytes(fleet_schema.read_bytes())
    made = Host(f"sqlite:///{room / 'fleet.db'}", room / "h", cloud.directory)
    yield made
    made.close()


@pytest.fixture
def play(host: Host, tmp_path: Path) -> Play:
    """Runs it on this host; variables are the role's."""

    def run(**variables: Any) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "appliance.cli.main"]
        given = {"orchestrator": "localhost", "command": command} | variables
        named = {f"secbeat_scale_{name}": value for name, value in given.items()}
        return ansible(
            "ansible-playbook",
            *("-i", "localhost,", "-e", "ansible_connection=local"),
            *("-e", json.dumps(named | {"ansible_become": False})),
            TREE / "playbooks" / "scale.yml",
            home=tmp_path,
            PYTHONPATH=str(TREE),
            SECBEAT_ORCHESTRATOR=f"http://127.0.0.1:{host.server.port}",
            ORCHESTRATOR_API_KEY=KEY,
        )

    return run


def test_nodes_are_made_and_removed_and_the_log_is_the_output(
    play: Play, host: Host, cloud: Cloud
) -> None:
    up = play(action="scale_up", count=2)
    assert up.returncode == 0, up.stdout + up.stderr
    assert len(cloud.there) == 2
    assert sorted(known(host.server)) == cloud.there
    assert "changed=1" in up.stdout
    for node in cloud.there:
        assert f"scale.yml: Run the provider command: create {node}" in up.stdout
    first, second = cloud.there
    down = play(action="scale_down", nodes=[first])
    assert down.returncode == 0, down.stdout + down.stderr
    assert f"scale.yml: Run the provider command: destroy {first}" in down.stdout
    assert cloud.there == known(host.server) == [second]
    assert KEY not in up.stdout + down.stdout


def test_it_fails_as_the_job_does(play: Play, cloud: Cloud) -> None:
    refused = play(action="scale_down", nodes=["none-such"])
    assert refused.returncode != 0
    assert "none-such" in refused.stdout
    assert cloud.asked == []


def test_a_job_that_is_cancelled_leaves_neither_nodes_nor_processes(
    host: Host, cloud: Cloud, room: Path
) -> None:
    cloud.hold.write_text("-2")
    _, job, _ = host.server.request("POST", "/scale", {"action": "scale_up", "count": 2})
    path = f"/scale/jobs/{job['id']}"

    def log() -> list[str]:
        return [line["message"] for line in host.server.request("GET", path)[1]["log"]]

    wait_for(lambda: "held" in log(), "what the provider says is in the log", BOUND_S, every_s=0.2)
    (held,) = [pid for verb, node, pid in cloud.asked if node == job["nodes"][1]]
    assert host.server.request("POST", f"{path}/cancel")[0] in {200, 202}
    done = ended(host.server, job["id"])
    assert done["state"] == "cancelled", done
    assert (cloud.there, known(host.server)) == ([], [])
    assert not Path(f"/proc/{held}").exists()
    assert [each.name for each in (room / "h" / "runs").iterdir()] == ["lock"]


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({}, "missing required arguments: secbeat_scale_action"),
        ({"action": "grow"}, "must be one of: scale_up, scale_down, create, destroy"),
        ({"action": "scale_up", "orchestrator": ""}, "secbeat_scale_orchestrator is not set"),
        ({"action": "create"}, "secbeat_scale_node is not set"),
    ],
)
def test_what_is_missing_is_told(tmp_path: Path, variables: dict[str, Any], said: str) -> None:
    named = {f"secbeat_scale_{name}": value for name, value in variables.items()}
    done = ansible(
        "ansible-playbook",
        *("-i", "localhost,", "-e", "ansible_connection=local", "-e", json.dumps(named)),
        TREE / "playbooks" / "scale.yml",
        home=tmp_path,
    )
    assert done.returncode != 0
    assert said in done.stdout + done.stderr

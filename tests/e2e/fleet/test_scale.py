"""A fleet grows by a real node and shrinks again, by what the contract's example asks for."""

from __future__ import annotations

import json
import os
import re
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from appliance.lab.fleet import orchestrator, scaled
from appliance.lab.instance import Instance
from appliance.lab.network import ORIGIN, existing
from tests.support.instances.fleet import FleetLab
from tests.support.instances.lab import KEY_HEADER, SECBEAT, Lab, run
from tests.support.waiting import wait_for

pytestmark = pytest.mark.alone  # a node more needs the machine

JOB_S = 240.0
POLICY = {"name": "strict-mode", "rules": [{"type": "rate_limit", "value": 1234}]}


def test_a_fleet_grows_and_shrinks(fleet: FleetLab) -> None:
    first = fleet.healthy_node()["id"]
    assert fleet.fleet("POST", "/policy", json=POLICY).status_code == 202
    asked = _curl(fleet, '{"action": "scale_up", "count": 1}')
    (name,) = asked["nodes"]
    grown = _ended(fleet, asked["id"])
    assert grown["state"] == "succeeded", grown
    lines = [line["message"] for line in grown["log"]]
    assert f"scale.yml: Run the provider command: create {name}" in lines
    assert any("the fleet wants" in line for line in lines)

    found = {node["id"]: node for node in fleet.nodes()}
    assert found.keys() == {first, name}
    assert found[name]["status"] == "healthy"
    assert found[name]["labels"]["secbeat-job"] == asked["id"]
    second = Lab(name)
    page = second.curl(f"http://{ORIGIN.plain()[0]}/")
    assert page.returncode == 0, page.stderr
    assert _niceness(second) == [19]
    wait_for(lambda: _limit(second) == 1234, "the fleet's policy is in force on the new node")

    shrunk = _command(fleet, "down", "1")
    assert shrunk["nodes"] == [name]
    assert [node["id"] for node in fleet.nodes()] == [first]
    assert existing(Instance(name).namespaces) == []
    assert second.status()["state"] == "down"


def test_a_job_that_is_cancelled_while_a_node_is_made_leaves_nothing(fleet: FleetLab) -> None:
    asked, name = _half_made(fleet)
    assert fleet.fleet("POST", f"/scale/jobs/{asked['id']}/cancel").status_code in {200, 202}
    _expect_nothing_left(fleet, name, _ended(fleet, asked["id"]), "cancelled")


def test_a_node_whose_provider_dies_is_removed(fleet: FleetLab) -> None:
    asked, name = _half_made(fleet)
    for pid in _providers(fleet):
        os.kill(pid, signal.SIGKILL)
    job = _ended(fleet, asked["id"])
    assert f"create {name}" in job["error"]
    _expect_nothing_left(fleet, name, job, "failed")


def test_a_job_outlives_its_orchestrator_and_its_node_goes_with_the_lab(fleet: FleetLab) -> None:
    first = fleet.healthy_node()["id"]
    asked = _curl(fleet, '{"action": "scale_up", "count": 1}')
    (name,) = asked["nodes"]
    wait_for(Lab(name).instance.directory.exists, "the node is being made")
    fleet.kill("orchestrator", signal.SIGKILL)
    grown = _ended(fleet, asked["id"])
    assert (grown["state"], grown["attempt"]) == ("succeeded", 2), grown
    assert sorted(node["id"] for node in fleet.nodes()) == sorted([first, name])

    assert fleet.down().returncode == 0
    assert existing(Instance(name).namespaces) == []
    assert Lab(name).status()["state"] == "down"


def _half_made(fleet: FleetLab) -> tuple[Any, str]:
    """A job whose provider is at work, and the name of its node."""
    fleet.healthy_node()
    asked = _curl(fleet, '{"action": "scale_up", "count": 1}')
    (name,) = asked["nodes"]
    wait_for(Lab(name).instance.directory.exists, "the node is being made")
    return asked, name


def _expect_nothing_left(fleet: FleetLab, name: str, job: Any, state: str) -> None:
    assert job["state"] == state, job
    assert any(
        line["message"] == f"scale.yml: Run the provider command: destroy {name}"
        for line in job["log"]
    ), job
    assert name not in {node["id"] for node in fleet.nodes()}
    assert existing(Instance(name).namespaces) == []
    assert Lab(name).status()["state"] == "down"
    assert _providers(fleet) == []
    runs = scaled.socket(fleet.instance).parent / "runs"
    assert [path.name for path in runs.iterdir()] == ["lock"]


def _providers(fleet: FleetLab) -> list[int]:
    """Processes below the playbook that are the lab's provider; the supervisors are forks of it."""
    wanted = str(scaled.directory(fleet.instance)).encode()
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended
            words = file.read_bytes().split(b"\0")
            if wanted in words and words[3] == b"appliance.lab.fleet.provider":
                found.append(int(file.parent.name))
    return found


def _curl(fleet: FleetLab, body: str) -> Any:
    """The contract's example: curl says that it is a form."""
    url = f"{orchestrator.url(fleet.instance)}/api/v1/scale"
    header = f"{KEY_HEADER}: {fleet.orchestrator_key()}"
    done = run("curl", "-sS", "-X", "POST", url, "-H", header, "-d", body)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _limit(lab: Lab) -> Any:
    """The value of the policy's only rule, if it has one."""
    rules = lab.api("GET", "/policy").json()["policy"]["rules"]
    return rules[0]["value"] if rules else None


def _ended(fleet: FleetLab, job: str) -> Any:
    def ended() -> Any:
        found = fleet.fleet("GET", f"/scale/jobs/{job}").json()
        return found if found["state"] not in {"queued", "running"} else None

    return wait_for(ended, f"job {job} has ended", bound_s=JOB_S, every_s=0.5)


def _command(fleet: FleetLab, *words: str) -> Any:
    """``secbeat scale``, which waits for the job."""
    where = ("--orchestrator", orchestrator.url(fleet.instance))
    key = ("--key-file", str(orchestrator.admin_key(fleet.instance)))
    done = run(*SECBEAT, "scale", *words, *where, *key, "--json", timeout_s=JOB_S)
    assert done.returncode == 0, done.stderr + done.stdout
    return json.loads(done.stdout)


def _niceness(lab: Lab) -> list[int]:
    """Of the packet workers."""
    tasks = Path(f"/proc/{lab.process('dataplane')['pid']}/task").iterdir()
    fields = [(task / "stat").read_text() for task in tasks]
    workers = [text for text in fields if re.search(r"\((lcore|rte|dpdk)-worker", text)]
    return [int(text.rpartition(")")[2].split()[16]) for text in workers]

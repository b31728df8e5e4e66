"""A flood on one node is a threat of its fleet; a node that the fleet drains works on."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from appliance.lab.network import CLIENT, ORIGIN
from tests.e2e.conftest import PROCESS
from tests.support.instances.fleet import FleetLab
from tests.support.waiting import wait_for

pytestmark = pytest.mark.alone
TARGET, ATTACKER = ORIGIN.plain()[0], CLIENT.plain()[0]
PAGE = f"http://{TARGET}/"
FLOOD = ("hping3", "-q", "-S", "-p", "80", "-i", "u250", TARGET)
"""4,000 SYNs a second at most, all from the client's own address."""
DETECTION = {"type": "detection", "syns": 500, "quiet_seconds": 6}
"""A flood goes on, also if a busy machine stalls its tool for a while."""
POLICY = {"name": "watch", "syn": "off", "rules": [DETECTION]}


@pytest.fixture(scope="module")
def fleet() -> Iterator[FleetLab]:
    """A node that looks for SYN floods, and its orchestrator."""
    lab = FleetLab(f"threats-{PROCESS}")
    lab.down()
    lab.up(config="[connections]\nlearning_seconds = 0\n", has_orchestrator=True)
    lab.change("PUT", "/policy", json=POLICY)
    yield lab
    lab.down()


@pytest.fixture
def node(fleet: FleetLab) -> str:
    return str(fleet.healthy_node()["id"])


@contextmanager
def flooded(fleet: FleetLab) -> Iterator[None]:
    flood = subprocess.Popen(
        [*fleet.enter("client"), *FLOOD], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        flood.send_signal(signal.SIGINT)
        flood.wait(60)


def threats(fleet: FleetLab) -> dict[str, Any]:
    answer = fleet.fleet("GET", "/threats")
    assert answer.status_code == requests.codes.ok, answer.text
    found: dict[str, Any] = answer.json()
    return found


def ready(fleet: FleetLab) -> list[str]:
    """Why the node is not ready; empty: it is."""
    answer = fleet.api("GET", "/health/ready")
    return [each["field"] for each in answer.json().get("errors", [])]


def test_a_flood_on_a_node_is_a_threat_until_it_is_over(fleet: FleetLab, node: str) -> None:
    with flooded(fleet):

        def seen() -> dict[str, Any] | None:
            found = threats(fleet)
            return found if found["ongoing"] and found["top_attackers"] else None

        found = wait_for(seen, "the orchestrator knows of the flood")
    assert found["active_threats"] == sum(found["attack_types"].values())
    assert found["attack_types"]["syn_flood"] == 1
    assert found["top_attackers"][0]["ip"] == ATTACKER
    assert found["top_attackers"][0]["attacks"] >= 1
    threat = next(each for each in found["threats"] if each["type"] == "syn_flood")
    assert threat["nodes"] == [node]
    assert threat["targets"] == [TARGET]
    wait_for(lambda: threats(fleet)["ongoing"] == 0, "the flood is over")
    assert threats(fleet)["attack_types"]["syn_flood"] == 1


def test_a_drained_node_is_not_ready_and_forwards(fleet: FleetLab, node: str) -> None:
    assert fleet.fleet("POST", f"/nodes/{node}/drain").json()["status"] == "draining"
    wait_for(lambda: ready(fleet) == ["drain"], "the node is not ready")
    assert fleet.api("GET", "/status").json()["status"] == "draining"
    assert fleet.curl(PAGE).returncode == 0
    fleet.kill("api", signal.SIGKILL)
    assert ready(fleet) == ["drain"]
    assert [each["status"] for each in fleet.nodes()] == ["draining"]
    fleet.fleet("POST", f"/nodes/{node}/resume")
    wait_for(lambda: not ready(fleet), "the node is ready again")
    assert fleet.curl(PAGE).returncode == 0
    fleet.healthy_node()

"""A node and its orchestrator: they find each other, and each goes on without the other."""

from __future__ import annotations

import signal

from appliance.lab.network import ORIGIN
from tests.support.frozen import frozen
from tests.support.instances.fleet import FleetLab
from tests.support.waiting import wait_for

PAGE = f"http://{ORIGIN.plain()[0]}/"


def test_node_enrols_by_itself(fleet: FleetLab) -> None:
    node = fleet.healthy_node()
    uuid = fleet.instance.node_id_file.read_text().strip()
    assert node["id"] == f"node-{uuid[:8]}"
    assert node["uuid"] == uuid
    assert node["address"] == f"{fleet.instance.address}:9090"
    assert node["mode"] in {"tcp", "syn", "l7"}
    assert 0 <= node["load"] <= 1
    assert len(fleet.nodes()) == 1


def test_heartbeats_tell_what_the_node_counts(fleet: FleetLab) -> None:
    before = fleet.healthy_node()["stats"]["packets_processed"]
    assert fleet.curl(PAGE).returncode == 0

    def told() -> bool:
        return bool(fleet.healthy_node()["stats"]["packets_processed"] > before)

    wait_for(told, "a heartbeat with more packets", bound_s=60, every_s=0.5)


def test_node_goes_on_without_its_orchestrator(fleet: FleetLab) -> None:
    fleet.healthy_node()
    before = fleet.process("orchestrator")
    with frozen(before["pid"]) as kill:
        assert fleet.curl(PAGE).returncode == 0
        entry = {"ip": "203.0.113.7", "reason": "test", "duration_seconds": 60}
        assert fleet.change("POST", "/blacklist", json=entry).ok

        def is_healthy() -> bool:
            return bool(fleet.api("GET", "/status").json()["health"] == "healthy")

        wait_for(is_healthy, "the node is healthy")  # a control loop that has just stalled is not
        kill()

    def back() -> bool:
        now = fleet.process("orchestrator")
        return bool(now["restarts"] > before["restarts"] and now["state"] == "ready")

    wait_for(back, "the orchestrator is back", bound_s=60)
    seen = fleet.healthy_node()["last_seen_at"]

    def heard() -> bool:
        return bool(fleet.healthy_node()["last_seen_at"] > seen)

    wait_for(heard, "heartbeats after the orchestrator is back", bound_s=90, every_s=0.5)
    assert len(fleet.nodes()) == 1


def test_killed_agent_is_the_same_node(fleet: FleetLab) -> None:
    before = fleet.healthy_node()
    fleet.kill("agent", signal.SIGKILL)
    assert fleet.curl(PAGE).returncode == 0

    def heard() -> bool:
        return bool(fleet.healthy_node()["last_seen_at"] > before["last_seen_at"])

    wait_for(heard, "heartbeats of the new agent", bound_s=60, every_s=0.5)
    after = fleet.nodes()
    assert [node["id"] for node in after] == [before["id"]]
    assert after[0]["registered_at"] == before["registered_at"]


def test_key_of_the_node_is_its_own(fleet: FleetLab) -> None:
    file = fleet.instance.directory / "agent" / "fleet.key"
    fleet.healthy_node()
    assert file.stat().st_mode & 0o777 == 0o600
    key, node = file.read_text().strip(), fleet.nodes()[0]["id"]
    assert fleet.fleet("GET", f"/nodes/{node}/desired", key=key).status_code == 200
    assert fleet.fleet("GET", "/nodes", key=key).status_code == 403
    assert fleet.fleet("GET", "/nodes/another/desired", key=key).status_code == 403

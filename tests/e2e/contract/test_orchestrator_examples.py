"""The contract's examples for port 3030, run as they stand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.documents.contract import example, unlike
from tests.support.instances.lab import KEY_HEADER, Lab
from tests.support.values.countries_file import build
from tests.support.waiting import wait_for

from .conftest import FAMILIES, Runner

pytestmark = pytest.mark.alone

FLEET = "http://localhost:3030/api/v1"
ORIGIN_IP, CLIENT = "198.19.0.1", "198.18.9.2"
ENDED = {"succeeded", "failed", "cancelled"}


@pytest.fixture
def fleet_key(node: Lab) -> str:
    """The orchestrator's admin key, made at first boot."""
    return (node.instance.directory / "orchestrator" / "keys" / "admin.key").read_text().strip()


def ask(method: str, path: str, key: str) -> Any:
    answer = requests.request(method, f"{FLEET}{path}", headers={KEY_HEADER: key}, timeout=30)
    assert answer.ok, answer.text
    return answer.json()


@pytest.mark.parametrize("family", FAMILIES)
def test_the_node_is_listed_by_itself(node: Lab, runner: Runner, fleet_key: str, family: str):
    asked = example(f"curl {FLEET}/nodes")

    def healthy() -> bool:
        (found,) = runner.json(asked, fleet_key, family)["nodes"] or [{"status": "not yet"}]
        return bool(found["status"] == "healthy")

    wait_for(healthy, "the node is in the list, and healthy", 60)
    found = runner.json(asked, fleet_key, family)
    assert unlike(found, asked.answer) == []
    assert found["nodes"][0]["address"].endswith(":9090")


@pytest.fixture
def in_china(node: Lab, tmp_path: Path) -> Iterator[None]:
    """A database in which all peers of the lab are in a country that the policy blocks."""
    path = node.instance.state_dir / "countries" / "countries.db"
    build(path, tmp_path, "CN")
    node.add_address("client", f"{CLIENT}/15")
    yield
    path.unlink()


def reaches(lab: Lab) -> bool:
    return lab.curl(f"http://{ORIGIN_IP}/", CLIENT, timeout_s=1).returncode == 0


def test_the_policy_is_in_force_on_the_node_and_blocks_countries(
    node: Lab, runner: Runner, fleet_key: str, in_china: None
):
    wait_for(lambda: reaches(node), "the client reaches the origin")
    made = runner.json(example(f"POST {FLEET}/policy"), fleet_key)

    def deployed() -> bool:
        found = ask("GET", f"/deployments/{made['id']}", fleet_key)
        assert found["state"] in {"rolling", "done"}, found
        return found["state"] == "done"

    wait_for(deployed, f"the deployment is done: {made}", 60)
    wait_for(
        lambda: node.api("GET", "/policy").json()["policy"]["name"] == "strict-mode",
        "the node has the policy",
        60,
    )
    wait_for(lambda: not reaches(node), "the client's country is blocked")
    assert node.stats().ports["outside"].dropped["geo_block"] > 0


@pytest.mark.parametrize("family", FAMILIES)
def test_threats_are_told(node: Lab, runner: Runner, fleet_key: str, family: str):
    asked = example(f"curl {FLEET}/threats")
    found = runner.json(asked, fleet_key, family)
    assert unlike(found, asked.answer) == []
    assert found["active_threats"] == sum(found["attack_types"].values())


def test_nodes_are_asked_for_without_a_content_type(node: Lab, runner: Runner, fleet_key: str):
    job = runner.json(example(f"POST {FLEET}/scale"), fleet_key)
    assert (job["action"], job["count"]) == ("scale_up", 2)
    ask("POST", f"/scale/jobs/{job['id']}/cancel", fleet_key)
    wait_for(
        lambda: ask("GET", f"/scale/jobs/{job['id']}", fleet_key)["state"] in ENDED,
        "the job has ended",
        120,
    )

"""Countries: a source is blocked by where it is, and a new database is in use without a restart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.instances.lab import Lab
from tests.support.values.countries_file import build
from tests.support.waiting import wait_for

ORIGIN_IP, CLIENT = "198.19.0.1", "198.18.9.2"
BLOCKING = {"name": "geo", "rules": [{"type": "geo_block", "countries": ["FR"]}]}


@pytest.fixture
def database(lab: Lab):
    """Where the node looks for one; gone again afterwards."""
    path = lab.instance.state_dir / "countries" / "countries.db"
    yield path
    path.unlink(missing_ok=True)


@pytest.fixture
def blocking(lab: Lab, key: str):
    lab.add_address("client", f"{CLIENT}/15")
    yield
    lab.change("PUT", "/policy", key, json={"name": "default"})


def reaches(lab: Lab) -> bool:
    return lab.curl(f"http://{ORIGIN_IP}/", CLIENT).returncode == 0


def is_stopped(lab: Lab) -> bool:
    return lab.curl(f"http://{ORIGIN_IP}/", CLIENT, timeout_s=1).returncode != 0


def test_a_country_is_blocked_until_a_new_database_says_otherwise(
    lab: Lab, key: str, database: Path, blocking: None, tmp_path: Path
):
    answer = lab.api("PUT", "/policy", key, json=BLOCKING)
    assert "until there is a database" in json.dumps(answer.json()["warnings"])
    wait_for(
        lambda: lab.api("GET", "/status", key).json()["reasons"] == ["countries"],
        "the node is degraded: it has no database",
    )
    assert reaches(lab)

    build(database, tmp_path, "FR")
    wait_for(lambda: is_stopped(lab), "the client's country is blocked")

    def status() -> dict[str, Any]:
        found: dict[str, Any] = lab.api("GET", "/status", key).json()
        return found

    # A control loop that has just stalled is a reason too.
    wait_for(lambda: status()["health"] == "healthy", "the node is healthy")
    assert status()["countries"]["date"] == "2026-06-25T04:33:59.000Z"
    assert "secbeat_countries_date_timestamp_seconds 1.782362039e+09" in lab.metrics(9090)
    pid = lab.process("dataplane")["pid"]

    build(database, tmp_path, "DE")
    wait_for(lambda: reaches(lab), "the client's country is another")
    assert lab.process("dataplane")["pid"] == pid
    assert lab.stats().ports["outside"].dropped["geo_block"] > 0


def test_the_allowlist_beats_a_country_and_a_policy_must_mean_it(
    lab: Lab, key: str, database: Path, blocking: None, tmp_path: Path
):
    build(database, tmp_path, "FR")
    lab.change("POST", "/allowlist", key, json={"ip": CLIENT})
    refused = lab.api("PUT", "/policy", key, json=BLOCKING)
    assert refused.status_code == 409
    assert f"would cut off {CLIENT}, which is in FR" in refused.json()["detail"]

    lab.change("PUT", "/policy?accept_exempt=true", key, json=BLOCKING)
    assert reaches(lab)
    lab.change("DELETE", f"/allowlist/{CLIENT}", key)
    wait_for(lambda: is_stopped(lab), "nothing exempts the client any more")

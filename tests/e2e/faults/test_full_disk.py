"""A node whose disk is full: packets pass, processes come back, nothing is deleted."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
import requests

from tests.support.instances.lab import Lab, run
from tests.support.small_disk import FILL, kept_full
from tests.support.waiting import wait_for

ORIGIN = "http://198.19.0.1/"
SOURCE = "198.18.0.1"


@pytest.fixture
def full() -> Iterator[Lab]:
    """A lab whose directory is a small file system of its own."""
    lab = Lab("e2e-full")
    lab.down()
    directory = lab.instance.directory
    directory.mkdir(parents=True)
    assert run("mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(directory)).returncode == 0
    try:
        lab.up()
        yield lab
    finally:
        lab.down()
        run("umount", "--lazy", str(directory))
        assert lab.down().returncode == 0


def answers(lab: Lab, path: str, status: int) -> bool:
    try:
        return lab.api("GET", path).status_code == status
    except requests.RequestException:
        return False


def test_every_process_is_killed_on_a_full_disk_and_comes_back(full: Lab) -> None:
    full.change("POST", "/blacklist", json={"ip": "192.0.2.1"})
    before = {name: full.process(name)["pid"] for name in ("api", "dataplane", "agent")}
    with kept_full(full.instance.directory):
        wait_for(lambda: answers(full, "/health/ready", 503), "the API has noticed")
        for pid in before.values():
            os.kill(pid, signal.SIGKILL)
        wait_for(lambda: answers(full, "/health/live", 200), "the API is back", bound_s=60)
        wait_for(lambda: full.curl(ORIGIN, timeout_s=1).returncode == 0, "traffic", bound_s=60)
        wait_for(lambda: _storage_writable(full) == 0, "the metric says so", bound_s=60)
        assert full.instance.admin_key.exists()
        assert full.api("GET", "/blacklist/192.0.2.1").status_code == 200

        def is_for_its_disk() -> bool:
            """The agent's too; for a moment also that it was away."""
            reasons = set(full.api("GET", "/status").json()["reasons"])
            return {"storage"} <= reasons <= {"storage", "events_not_recorded"}

        wait_for(is_for_its_disk, "the status says so")
        refused = full.api("POST", "/blacklist", json={"ip": SOURCE})
        assert refused.status_code == 503
        assert str(full.instance.directory) in refused.json()["detail"]

    (full.instance.directory / FILL).unlink()
    wait_for(lambda: answers(full, "/health/ready", 200), "it is ready again")
    wait_for(lambda: _storage_writable(full) == 1, "the metric says so")
    full.change("POST", "/blacklist", json={"ip": SOURCE})
    assert full.curl(ORIGIN, timeout_s=1).returncode != 0
    for name, pid in before.items():
        wait_for(lambda n=name, p=pid: full.process(n)["pid"] != p, f"the status knows {name}")
        assert full.process(name)["restarts"] <= 3, "none of them went round"


def _storage_writable(lab: Lab) -> float | None:
    try:
        lines = lab.metrics(9090).splitlines()
    except requests.RequestException:
        return None
    values = [line.split()[1] for line in lines if line.startswith("secbeat_storage_writable ")]
    return float(values[0]) if values else None

"""A policy decides what becomes of a banned client's packets, while they are on their way."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest

from tests.support.instances.lab import SECBEAT, Lab, run
from tests.support.instances.passage import Passage
from tests.support.waiting import wait_for

ORIGIN_IP, CLIENT = "198.19.0.1", "198.18.9.1"
ORIGIN = f"http://{ORIGIN_IP}/"


@pytest.fixture
def banned(lab: Lab, key: str):
    lab.add_address("client", f"{CLIENT}/15")
    lab.change("POST", "/blacklist", key, json={"ip": CLIENT})
    yield
    lab.change("DELETE", f"/blacklist/{CLIENT}", key)
    lab.change("PUT", "/policy", key, json={"name": "default"})


def reaches(lab: Lab) -> bool:
    return lab.curl(ORIGIN, CLIENT).returncode == 0


def is_stopped(lab: Lab) -> bool:
    return lab.curl(ORIGIN, CLIENT, timeout_s=1).returncode != 0


def watch(tmp_path: Path, action: str) -> Path:
    file = tmp_path / f"{action}.json"
    rules = [{"type": "blacklist", "action": action}]
    file.write_text(json.dumps({"name": action, "rules": rules}))
    return file


@pytest.mark.parametrize("action", ["monitor", "off"])
def test_a_policy_lets_a_banned_client_through_and_a_rollback_stops_it_again(
    lab: Lab, banned: None, tmp_path: Path, action: str
):
    assert is_stopped(lab)

    applied = secbeat(lab, "apply", str(watch(tmp_path, action)), "--wait")
    assert "in force" in applied
    wait_for(lambda: not is_stopped(lab), "the client is let through")

    secbeat(lab, "rollback", "--wait")
    wait_for(lambda: is_stopped(lab), "the client is stopped")


def secbeat(lab: Lab, *words: str) -> str:
    options = (
        "--url",
        f"http://{lab.instance.address}:9999",
        "--key-file",
        str(lab.instance.admin_key),
    )
    done = run(*SECBEAT, "policy", *words, *options)
    assert done.returncode == 0, done.stderr
    return done.stdout


LIMITED = {
    "name": "limited",
    "profiles": [
        {
            "name": "origin",
            "targets": [ORIGIN_IP],
            "rules": [
                {"type": "icmp_limit", "value": 1, "burst": 5},
                {"type": "ports", "protocol": "tcp", "allow": [80]},
            ],
        }
    ],
}


@pytest.fixture
def limited(lab: Lab, key: str):
    lab.add_address("client", f"{CLIENT}/15")
    lab.change("PUT", "/policy", key, json=LIMITED)
    yield
    lab.change("PUT", "/policy", key, json={"name": "default"})


def counted(lab: Lab, reason: str) -> float:
    """Packets of the origin's profile that were dropped for a reason, by the agent's metrics."""
    wanted = f'{{mode="enforce",profile="origin",reason="{reason}"}}'
    lines = lab.metrics(9191).splitlines()
    name = "secbeat_reason_packets_total"
    return sum(float(line.split()[-1]) for line in lines if line.startswith(name + wanted))


def pinged(lab: Lab) -> int:
    """Echo requests that the origin has had, whenever it answered."""
    done = run(*lab.enter("origin"), "nstat", "-asz", "IcmpInEchos")
    assert done.returncode == 0, done.stderr
    return int(re.search(r"IcmpInEchos +(\d+)", done.stdout)[1])


def test_a_profile_limits_pings_and_refuses_ports_and_lets_the_rest_through(
    lab: Lab, limited: None
):
    before, echoes, begun = Passage.settled(lab), pinged(lab), time.monotonic()
    lab.in_client("ping", "-I", CLIENT, "-i", "0.02", "-c", "50", "-W", "1", ORIGIN_IP)
    lost = sum(Passage.settled(lab).lost_since(before).values())
    passed = pinged(lab) - echoes
    took_s = time.monotonic() - begun
    # A burst of five, and one more for each second that it took.
    assert 5 - lost <= passed <= 6 + took_s
    assert 50 - passed - lost <= counted(lab, "icmp_limit") <= 50 - passed
    assert reaches(lab)

    def refused() -> float:
        assert lab.curl(f"http://{ORIGIN_IP}:81/", CLIENT, timeout_s=1).returncode != 0
        return counted(lab, "ports_tcp")

    wait_for(refused, "another port is refused")
    assert reaches(lab)

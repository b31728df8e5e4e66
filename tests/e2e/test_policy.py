"""A policy decides what becomes of a banned client's packets, while they are on their way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.lab import SECBEAT, Lab, run
from tests.support.waiting import wait_for

ORIGIN, CLIENT = "http://198.19.0.1/", "198.18.9.1"


@pytest.fixture
def banned(lab: Lab, key: str):
    lab.add_address("client", f"{CLIENT}/15")
    assert lab.api("POST", "/blacklist", key, json={"ip": CLIENT}).status_code == 201
    yield
    lab.api("DELETE", f"/blacklist/{CLIENT}", key)
    lab.api("PUT", "/policy", key, json={"name": "default"})


def reaches(lab: Lab) -> bool:
    return lab.curl(ORIGIN, CLIENT, timeout_s=1).returncode == 0


def watch(tmp_path: Path, action: str) -> Path:
    file = tmp_path / f"{action}.json"
    rules = [{"type": "blacklist", "action": action}]
    file.write_text(json.dumps({"name": action, "rules": rules}))
    return file


@pytest.mark.parametrize("action", ["monitor", "off"])
def test_a_policy_lets_a_banned_client_through_and_a_rollback_stops_it_again(
    lab: Lab, banned: None, tmp_path: Path, action: str
):
    assert not reaches(lab)

    applied = secbeat(lab, "apply", str(watch(tmp_path, action)), "--wait")
    assert "in force" in applied
    wait_for(lambda: reaches(lab), "the client is let through", 10)

    secbeat(lab, "rollback", "--wait")
    wait_for(lambda: not reaches(lab), "the client is stopped", 10)


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

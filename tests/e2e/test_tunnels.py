"""Linux speaks VXLAN through the node, and a profile of the tunnel's endpoint judges inside."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.instances.lab import Lab, assert_ledgers, run

SENDER, ENDPOINT = "198.18.0.1", "198.19.0.1"
"""Client and origin of the lab, with a tunnel between them."""
INNER = {"client": "203.0.113.9", "origin": "203.0.113.10"}
DEVICE, IDENTIFIER, PORT = "vxlan7", "7", "4789"
ATTEMPT_S = 2


def policy(inside: str, **fields: Any) -> dict[str, Any]:
    rule = {"type": "encapsulation", "vxlan": inside, **fields}
    profile = {"name": "endpoint", "targets": [ENDPOINT], "rules": [rule]}
    return {"name": inside, "profiles": [profile]}


@pytest.fixture(scope="module", autouse=True)
def tunnel(lab: Lab) -> Iterator[None]:
    """A network of its own between client and origin, over the node."""
    for peer, local, remote in (("client", SENDER, ENDPOINT), ("origin", ENDPOINT, SENDER)):
        ip = (*lab.enter(peer), "ip")
        ends = ("local", local, "remote", remote, "dstport", PORT)
        run(*ip, "link", "add", DEVICE, "type", "vxlan", "id", IDENTIFIER, *ends).check_returncode()
        run(*ip, "address", "add", f"{INNER[peer]}/24", "dev", DEVICE).check_returncode()
        run(*ip, "link", "set", DEVICE, "up").check_returncode()
    yield
    for peer in INNER:
        run(*lab.enter(peer), "ip", "link", "delete", DEVICE).check_returncode()


@pytest.fixture(autouse=True)
def afterwards(lab: Lab, key: str) -> Iterator[None]:
    yield
    lab.change("PUT", "/policy", key, json={"name": "default"})


def has_page(lab: Lab, address: str = INNER["origin"]) -> bool:
    return lab.curl(f"http://{address}/", timeout_s=ATTEMPT_S).returncode == 0


def dropped(lab: Lab, reason: str) -> int:
    return lab.quiet_stats().ports["outside"].dropped.get(reason, 0)


def test_a_ban_applies_inside_a_tunnel_that_is_judged(lab: Lab, key: str) -> None:
    lab.change("PUT", "/policy", key, json=policy("judge"))
    before = lab.quiet_stats().ports["outside"].inner["vxlan"]
    assert has_page(lab)
    ban = {"ip": INNER["client"], "reason": "test", "duration_seconds": 600}
    lab.change("POST", "/blacklist", key, json=ban)
    refused = dropped(lab, "blacklist")
    assert not has_page(lab)
    assert dropped(lab, "blacklist") > refused
    assert has_page(lab, ENDPOINT)  # without the tunnel the client has another address
    lab.change("DELETE", f"/blacklist/{INNER['client']}", key)
    assert has_page(lab)
    assert lab.quiet_stats().ports["outside"].inner["vxlan"] > before
    assert_ledgers(lab.quiet_stats())


def test_a_ban_does_not_apply_inside_a_tunnel_that_passes(lab: Lab, key: str) -> None:
    ban = {"ip": INNER["client"], "reason": "test", "duration_seconds": 600}
    lab.change("POST", "/blacklist", key, json=ban)
    try:
        assert has_page(lab)
    finally:
        lab.change("DELETE", f"/blacklist/{INNER['client']}", key)


def test_a_tunnel_can_be_refused(lab: Lab, key: str) -> None:
    assert has_page(lab)
    lab.change("PUT", "/policy", key, json=policy("refuse"))
    assert not has_page(lab)
    assert dropped(lab, "inner_refused") > 0
    lab.change("PUT", "/policy", key, json=policy("refuse", vxlan_port=8472))
    assert has_page(lab)
    assert_ledgers(lab.quiet_stats())

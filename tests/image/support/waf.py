"""A node that inspects HTTP, with one rule; and what the client gets for an attack."""

from __future__ import annotations

from tests.image.support.peers.taps import ORIGIN4, Wire
from tests.image.support.vms.vm import VM
from tests.support.waiting import wait_for

POLICY = {"name": "web", "http": {"ports": [80]}}
RULE = {"pattern": "union.{1,20}select", "action": "block", "name": "union"}
ATTACK, LOOK_ALIKE = "?id=1+union+select+2", "?id=1+select+union+2"
IN_FORCE_S = 180
DONE = (200, 201, 202, 204)


def protect(node: VM) -> str:
    """Inspect port 80, and block `ATTACK`; returns the rule's id once it is in force."""
    answer = node.api("PUT", "/policy", json=POLICY)
    assert answer.status_code in DONE, answer.text
    answer = node.api("POST", "/rules", json=RULE)
    assert answer.status_code in DONE, answer.text
    # Untested, if the compile helper could not be asked.
    assert answer.json().get("warnings", []) == [], answer.text
    rule = str(answer.json()["id"])
    wait_for(lambda: status_of(node, rule) == "active", f"{rule} is in force", IN_FORCE_S, 0.5)
    return rule


def status_of(node: VM, rule: str) -> str:
    """As the API says; empty: it does not answer."""
    answer = node.api("GET", f"/rules/{rule}")
    return str(answer.json()["status"]) if answer.status_code == DONE[0] else ""


def code_of(wire: Wire, what: str, origin: str = ORIGIN4) -> str:
    """The status code that the client gets, "000": none."""
    show = ("--output", "/dev/null", "--write-out", "%{http_code}")
    return wire.peers.in_client("curl", "-gsS", "--max-time", "5", *show, origin + what).stdout

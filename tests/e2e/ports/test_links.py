"""Links of a node on veth pairs: a loss is forwarded, a drain takes both down."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.instances.lab import Lab, run
from tests.support.waiting import wait_for

ORIGIN = "http://198.19.0.1/"
CONFIG = """
[links]
loss_forwarding = "on"
hold_seconds = 1
[drain]
links = "down"
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    made = Lab("e2e-links")
    made.down()
    made.up(config=CONFIG)
    yield made
    made.down()


@pytest.fixture(autouse=True)
def whole(lab: Lab) -> Iterator[None]:
    """Each test begins with both links up, and leaves them so."""
    wait_for(lambda: state(lab) == "watching", "both links are watched")
    yield
    set_client(lab, "up")


def set_client(lab: Lab, state: str) -> None:
    done = run("ip", "-n", lab.instance.namespaces.client, "link", "set", "net0", state)
    assert done.returncode == 0, done.stderr


def has_carrier(lab: Lab, peer: str) -> bool:
    namespace = getattr(lab.instance.namespaces, peer)
    (link,) = json.loads(run("ip", "-j", "-n", namespace, "link", "show", "net0").stdout)
    return "LOWER_UP" in link["flags"]


def links(lab: Lab) -> dict[str, Any]:
    found: dict[str, Any] = lab.api("GET", "/status").json()["links"] or {}
    return found


def state(lab: Lab) -> str | None:
    return links(lab).get("state")


def lose_outside(lab: Lab) -> None:
    set_client(lab, "down")
    wait_for(lambda: not has_carrier(lab, "origin"), "the origin sees the loss")


def both_back(lab: Lab) -> None:
    wait_for(
        lambda: has_carrier(lab, "client") and has_carrier(lab, "origin"), "both links are back"
    )
    wait_for(lambda: lab.curl(ORIGIN, timeout_s=5).returncode == 0, "traffic flows again")


def test_a_lost_link_is_seen_on_the_other_side_and_both_come_back(lab: Lab):
    lose_outside(lab)
    wait_for(lambda: state(lab) == "lost", "the status says so")
    assert links(lab)["ports"]["inside"] == {"up": False, "held": True, "can_be_held": True}
    # A control loop that has just stalled is a reason too.
    wait_for(lambda: lab.api("GET", "/status").json()["reasons"] == ["link"], "it is the reason")
    set_client(lab, "up")
    both_back(lab)


def test_a_data_plane_that_is_killed_while_it_holds_leaves_no_link_down(lab: Lab):
    lose_outside(lab)
    lab.kill("dataplane", signal.SIGKILL)
    set_client(lab, "up")
    both_back(lab)
    wait_for(lambda: lab.api("GET", "/status").json()["health"] == "healthy", "the node is well")


def test_a_drain_takes_both_links_down_and_says_when_it_is_complete(lab: Lab):
    try:
        lab.api("POST", "/drain")
        wait_for(
            lambda: not has_carrier(lab, "client") and not has_carrier(lab, "origin"),
            "both sides see it",
        )
        wait_for(lambda: lab.api("GET", "/drain").json()["drain"]["complete"], "it is complete")
        status = lab.api("GET", "/status").json()
        assert (status["status"], status["links"]["state"]) == ("draining", "drained")
        assert (status["health"], status["drain"]["connections_lost"]) == ("healthy", 0)
        lab.kill("dataplane", signal.SIGKILL)
        wait_for(lambda: lab.api("GET", "/drain").json()["drain"]["complete"], "it is so again")
        wait_for(lambda: not has_carrier(lab, "client"), "and the link is down again")
    finally:
        lab.api("DELETE", "/drain")
    both_back(lab)

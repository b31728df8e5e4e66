"""The machine is upgraded in place: its disk stays, the software of another image comes to it.

By the playbooks, as an operator runs them on a controller outside. The other image is this one with
another end of a module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.fleet.support.release import release_with
from tests.image.support.artifacts import WHEELHOUSE
from tests.image.support.kept import BANNED, Kept
from tests.image.support.peers.controller import PLAYBOOK_S, Controller
from tests.image.support.peers.outside import Outside
from tests.image.support.peers.taps import Wire
from tests.image.support.run import Run
from tests.image.support.vms.vm import FLEET_PORT, VM
from tests.image.support.waf import ATTACK, DONE, code_of, protect, status_of
from tests.support.waiting import wait_for

MODULE = "appliance/cli/processes.py"
SECOND = "SECOND = True"
HEALTHY_S = 300
pytestmark = pytest.mark.timeout(2 * PLAYBOOK_S)


@pytest.fixture(scope="module")
def controller(node: VM, run: Run) -> Controller:
    return Controller.make(node, run.directory)


def test_the_roles_find_the_machine_as_they_would_make_it(
    controller: Controller, say: Callable[[str], None]
):
    counts = controller.play("site.yml", WHEELHOUSE, "nodes", "appliances")
    say(controller.lasted[-1])
    assert (counts["changed"], counts["failed"]) == (0, 0)


@dataclass(frozen=True)
class Before:
    """What the machine had, its rule, and its id and UUID in the fleet."""

    kept: Kept
    rule: str
    in_the_fleet: tuple[str, str]


def of_the_fleet(outside: Outside) -> tuple[str, str]:
    (found,) = outside.nodes()
    return found["id"], found["uuid"]


@pytest.fixture(scope="module")
def upgraded(
    node: VM, run: Run, wire: Wire, outside: Outside, controller: Controller
) -> Iterator[Before]:
    """After ``rollout.yml``; the machine has a ban, a rule and a key of the time before."""
    wire.wait_until_it_forwards()
    rule = protect(node)
    before = Before(Kept.on(node), rule, of_the_fleet(outside))
    release = release_with(run.directory / "second", MODULE, f"\n{SECOND}\n", WHEELHOUSE)
    counts = controller.play("rollout.yml", release, "nodes")
    assert counts["changed"] > 0
    yield before
    assert node.api("DELETE", f"/blacklist/{BANNED}").status_code in (*DONE, 204)
    assert node.api("DELETE", f"/rules/{rule}").status_code in (*DONE, 204)
    assert node.api("PUT", "/policy", json={"name": "default"}).status_code in DONE


def test_the_software_is_the_other_images(
    host: Any, controller: Controller, upgraded: Before, say: Callable[[str], None]
):
    say(controller.lasted[-1])
    path = f"/opt/secbeat/lib/python3*/site-packages/{MODULE}"
    assert host.check_output(f"sh -c 'tail -n 1 {path}'") == SECOND


def test_it_is_the_same_node_with_its_keys_and_its_configuration(node: VM, upgraded: Before):
    upgraded.kept.assert_same_node(node)


def test_its_database_is_the_same_with_all_that_was_in_it(node: VM, upgraded: Before):
    upgraded.kept.assert_same_database(node)


def test_it_forwards_and_its_rules_are_in_force(node: VM, wire: Wire, upgraded: Before):
    wire.wait_until_it_forwards()
    assert status_of(node, upgraded.rule) == "active"
    assert code_of(wire, ATTACK) == "403"
    assert code_of(wire, "") == "200"


def test_the_orchestrator_outside_knows_it_as_the_node_that_it_was(
    outside: Outside, upgraded: Before
):
    wait_for(
        lambda: [each["status"] for each in outside.nodes()] == ["healthy"],
        "the node is healthy at the orchestrator",
        HEALTHY_S,
        every_s=1,
    )
    assert of_the_fleet(outside) == upgraded.in_the_fleet


def test_the_machine_can_be_an_orchestrator_too(
    node: VM, controller: Controller, upgraded: Before, run: Run, say: Callable[[str], None]
):
    """The image has all that the role starts."""
    controller.play("site.yml", run.directory / "second", "orchestrators")
    say(controller.lasted[-1])
    answer = node.api("GET", "/health/ready", port=FLEET_PORT)
    assert answer.status_code == 200, answer.text
    node.root("systemctl disable --now secbeat-orchestrator secbeat-orchestrator-tls")

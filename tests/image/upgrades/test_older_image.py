"""The disk of an older image comes to the release of build/image, and stays the same node.

``make image-test-upgrade OLDER_IMAGE=FILE``; the file is the qcow2 of an earlier ``make image``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.image.support import inside
from tests.image.support.artifacts import WHEELHOUSE, accelerator, python_sources
from tests.image.support.expected import SECBEAT_TOML
from tests.image.support.identity import AGENT
from tests.image.support.kept import Kept
from tests.image.support.peers import seed
from tests.image.support.peers.controller import PLAYBOOK_S, Controller
from tests.image.support.peers.taps import Wire
from tests.image.support.run import Run
from tests.image.support.vms.vm import API_PORT, SSH_PORT, VM, Plan
from tests.image.support.waf import ATTACK, DONE, code_of, protect
from tests.support.waiting import wait_for

OLDER = "SECBEAT_OLDER_IMAGE"
POLICY = "before-the-upgrade"
READY_S = 300
pytestmark = pytest.mark.timeout(2 * PLAYBOOK_S)


@pytest.fixture(scope="module")
def wire(run: Run) -> Iterator[Wire]:
    with Wire(run.peers) as made:
        yield made


@pytest.fixture(scope="module")
def node(run: Run, wire: Wire) -> Iterator[VM]:
    """A machine of the older image, which forwards."""
    named = os.environ.get(OLDER, "")
    older = Path(named)
    assert older.is_file(), f"OLDER_IMAGE is {named!r}, not the qcow2 file of an older image"
    volume = run.directory / "older.iso"
    seed.write_iso(volume, seed.cloud_init_files("older", run.key.public, SECBEAT_TOML))
    plan = Plan(
        older,
        "older",
        accelerator=accelerator(),
        seed=volume,
        data_nics=wire.nics,
        guest_ports=(SSH_PORT, API_PORT),
    )
    with VM(plan, run.directory, run.key, run.name) as machine:
        machine.wait_until_up()
        wire.wait_until_it_forwards()
        yield machine


@dataclass(frozen=True)
class Before:
    """What the machine had, and the digests of its release's Python files."""

    kept: Kept
    sources: dict[str, str]


@pytest.fixture(scope="module")
def before(node: VM) -> Before:
    """With a policy, a ban and a key; an older release may have neither WAF nor agent."""
    put = node.api("PUT", "/policy", json={"name": POLICY})
    assert put.status_code in DONE, put.text
    return Before(Kept.on(node, without=AGENT), sources(node))


@pytest.fixture(scope="module")
def controller(node: VM, run: Run) -> Controller:
    return Controller.make(node, run.directory)


def sources(node: VM) -> dict[str, str]:
    """Digests of the product's Python files on the machine, as `python_sources`."""
    lines = node.root(
        "cd /opt/secbeat/lib/python3*/site-packages"
        " && find api appliance dataplane -name '*.py' -exec sha256sum {} +"
    ).splitlines()
    return {path: digest for digest, path in (line.split() for line in lines)}


def assert_the_same(node: VM, wire: Wire, before: Before) -> None:
    """The same node, with all that was in force."""
    wire.wait_until_it_forwards()
    wait_for(node.is_ready, "the API is ready", READY_S, every_s=1)
    before.kept.assert_same_node(node)
    before.kept.assert_same_database(node)
    assert node.api("GET", "/policy", before.kept.key).json()["policy"]["name"] == POLICY


def test_rollout_brings_the_release(
    node: VM, wire: Wire, controller: Controller, before: Before, say: Callable[[str], None]
) -> None:
    assert controller.play("rollout.yml", WHEELHOUSE, "nodes")["changed"] > 0
    say(controller.lasted[-1])
    assert before.sources != python_sources(), "both images have the same release"
    assert sources(node) == python_sources()
    assert_the_same(node, wire, before)


def test_site_brings_the_rest_and_then_changes_nothing(
    node: VM, wire: Wire, controller: Controller, before: Before, say: Callable[[str], None]
) -> None:
    for turn in range(2):
        counts = controller.play("site.yml", WHEELHOUSE, "nodes", "appliances")
        say(f"{controller.lasted[-1]}, {counts['changed']} tasks changed something")
        assert counts["failed"] == 0
        assert turn == 0 or counts["changed"] == 0
    assert_the_same(node, wire, before)


def test_it_has_what_the_older_release_had_not(node: VM, wire: Wire, before: Before) -> None:
    protect(node)
    assert (code_of(wire, ATTACK), code_of(wire, "")) == ("403", "200")
    assert node.api("PUT", "/policy", json={"name": POLICY}).status_code in DONE


def test_it_boots_again_as_the_same_node(node: VM, wire: Wire, before: Before) -> None:
    node.power_off()
    node.start()
    node.wait_until_up()
    assert inside.failed_units(node.host) == set()
    assert_the_same(node, wire, before)

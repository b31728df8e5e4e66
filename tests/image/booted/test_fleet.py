"""The machine joins a fleet by its seed: an orchestrator outside sees it, and it does as told."""

from __future__ import annotations

from typing import Any

import pytest

from tests.image.support import inside
from tests.image.support.peers.outside import TOKEN, Outside
from tests.image.support.peers.taps import ORIGIN4, Wire
from tests.image.support.vms.vm import VM
from tests.support.waiting import wait_for

HEALTHY_S = 180
IN_FORCE_S = 60
BANNED, OTHER = "198.18.2.1", "198.18.2.2"


@pytest.fixture(scope="module")
def known(node: VM, outside: Outside) -> dict[str, Any]:
    """What the orchestrator says of the machine once it is healthy."""

    def healthy() -> dict[str, Any] | None:
        found = outside.nodes()
        return found[0] if [each["status"] for each in found] == ["healthy"] else None

    return wait_for(healthy, "the node is healthy at the orchestrator", HEALTHY_S, every_s=1)


def test_it_is_the_node_of_its_first_boot(node: VM, known: dict[str, Any]):
    assert known["uuid"] == node.root("cat /var/lib/secbeat/node-id").strip()
    assert known["id"] == f"node-{known['uuid'][:8]}"
    assert known["version"] == node.api("GET", "/status").json()["version"]
    assert known["labels"]["site"] == "test"


def test_the_token_and_the_key_are_nobody_elses_to_read(host: Any, known: dict[str, Any]):
    key = "/var/lib/secbeat/agent/fleet.key"
    wanted = {TOKEN: "0600 root:root", key: "0600 secbeat:secbeat"}
    assert inside.modes(host, wanted) == wanted


def test_a_ban_of_the_fleet_is_in_force_in_the_machine(
    node: VM, wire: Wire, outside: Outside, known: dict[str, Any]
):
    for address in (BANNED, OTHER):
        wire.peers.add_address("client", f"{address}/15")
        assert wire.passes(ORIGIN4, address)
    added = outside.api("POST", "/blacklist", json={"ip": BANNED, "reason": "fleet"})
    assert added.status_code in (201, 202), added.text
    wait_for(lambda: not wire.passes(ORIGIN4, BANNED, 1), f"{BANNED} is stopped", IN_FORCE_S)
    assert wire.passes(ORIGIN4, OTHER)
    listed = node.api("GET", "/blacklist").json()["blacklist"]
    assert [each["origin"] for each in listed if each["ip"] == BANNED] == ["fleet"]
    assert outside.api("DELETE", f"/blacklist/{BANNED}").status_code in (202, 204)
    wait_for(lambda: wire.passes(ORIGIN4, BANNED, 1), f"{BANNED} is let in", IN_FORCE_S)

"""The power goes while changes are made; what was acknowledged is there after the next boot."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.image.support import inside
from tests.image.support.taps import Wire
from tests.image.support.vm import BOOT_S, VM
from tests.image.support.waf import ATTACK, code_of, protect
from tests.support.clients.writer import Writer
from tests.support.waiting import wait_for

BEFORE_MAX = 24
"""At most so many acknowledged changes before the power goes."""
AFTER = 3
READY_S = 180
CHANGES_S = 300
IDENTITY = (
    "/etc/machine-id",
    "/etc/secbeat/secbeat.toml",
    "/etc/secbeat/tls/tls.crt",
    "/etc/secbeat/tls/tls.key",
    "/etc/ssh/ssh_host_ed25519_key",
    "/var/lib/secbeat/agent/agent.key",
    "/var/lib/secbeat/agent/webhooks.secret",
    "/var/lib/secbeat/keys/admin.key",
    "/var/lib/secbeat/node-id",
)


@pytest.fixture(scope="module")
def cut(node: VM) -> tuple[Writer, dict[str, str]]:
    """The power is cut in the middle of writes, and comes back; the writer went on."""
    wait_for(node.is_ready, "the node is ready", READY_S, every_s=1)
    protect(node)
    before = identity(node)
    made = node.api("POST", "/keys", json={"name": "power-cut", "role": "operate"})
    assert made.status_code == 201, made.text
    seed = random.randrange(1 << 32)
    wanted = random.Random(seed).randrange(BEFORE_MAX // 2, BEFORE_MAX)
    writer = Writer(node.api, made.json()["key"])
    writer.start()
    try:
        wait_for(lambda: len(writer.acknowledged) >= wanted, f"{wanted} changes", CHANGES_S, 0.01)
        node.cut()
        at_cut = len(writer.acknowledged)
        print(f"power cut after {at_cut} acknowledged changes (seed {seed})")
        node.start()
        node.wait_until_up()
        wait_for(
            lambda: len(writer.acknowledged) >= at_cut + AFTER, "writes go on", BOOT_S, every_s=1
        )
    finally:
        writer.finish()
    return writer, before


def test_no_acknowledged_change_is_lost_and_none_is_applied_twice(
    node: VM, cut: tuple[Writer, dict[str, str]]
):
    writer, _ = cut
    assert not writer.unexpected
    made = node.api("POST", "/keys", json={"name": "power-cut-reader", "role": "operate"})
    reader = made.json()["key"]

    def in_force() -> bool:
        answer = node.api("GET", "/blacklist", reader, params={"limit": 1000})
        assert answer.status_code == 200, answer.text
        entries = {entry["ip"]: entry["state"] for entry in answer.json()["blacklist"]}
        lost = [address for address in writer.acknowledged if address not in entries]
        assert lost == []
        return all(entries[address] == "in_force" for address in writer.acknowledged)

    wait_for(in_force, "every acknowledged change is in force", 60, every_s=1)
    audit = node.api("GET", "/audit", reader, params={"limit": 1000}).json()["audit"]
    targets = [row["target"] for row in audit if "203.0.113." in str(row["target"])]
    assert sorted(targets) == sorted(set(targets))


def test_the_second_boot_finds_everything_up(host: Any, cut: object):
    assert inside.failed_units(host) == set()


def test_traffic_flows_again(wire: Wire, cut: object):
    wire.wait_until_it_forwards()


def test_rules_are_in_force_from_the_first_packet(wire: Wire, cut: object):
    """Since the boot the client has asked for nothing but pages."""
    assert code_of(wire, ATTACK) == "403"
    assert code_of(wire, "") == "200"


def test_the_second_boot_has_left_the_first_ones_work_alone(
    node: VM, cut: tuple[Writer, dict[str, str]]
):
    _, before = cut
    assert identity(node) == before


def test_the_power_button_ends_it_in_order(node: VM, cut: object):
    node.power_off()
    assert "Reached target" in node.serial_text()


def identity(node: VM) -> dict[str, str]:
    """Digests of what a machine makes once and keeps."""
    lines = node.root(f"sha256sum {' '.join(IDENTITY)}").splitlines()
    digests = {path: digest for digest, path in (line.split() for line in lines)}
    assert set(digests) == set(IDENTITY)
    return digests

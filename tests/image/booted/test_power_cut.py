"""The power goes while changes are made; what was acknowledged is there after the next boot."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from tests.image.support import inside
from tests.image.support.identity import identity
from tests.image.support.peers.taps import Wire
from tests.image.support.vms.vm import BOOT_S, VM
from tests.image.support.waf import ATTACK, code_of, protect
from tests.support.clients.writer import Writer
from tests.support.waiting import wait_for

BEFORE_MAX = 24
"""At most so many acknowledged changes before the power goes."""
AFTER = 3
READY_S = 180
CHANGES_S = 300


@dataclass(frozen=True)
class Cut:
    """What the power cut has hit, and how long until the client got a page again."""

    writer: Writer
    identity: dict[str, str]
    first_page_s: float


@pytest.fixture(scope="module")
def cut(node: VM, wire: Wire) -> Cut:
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
        with ThreadPoolExecutor(1) as pool:
            first_page = pool.submit(wire.first_page_s, BOOT_S)
            node.wait_until_up()
        wait_for(
            lambda: len(writer.acknowledged) >= at_cut + AFTER, "writes go on", BOOT_S, every_s=1
        )
    finally:
        writer.finish()
    return Cut(writer, before, first_page.result())


def test_no_acknowledged_change_is_lost_and_none_is_applied_twice(node: VM, cut: Cut):
    writer = cut.writer
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


def test_the_second_boot_finds_everything_up(host: Any, cut: Cut):
    assert inside.failed_units(host) == set()


def test_traffic_flows_again(wire: Wire, cut: Cut, say: Callable[[str], None]):
    say(f"second boot, power on to the client's first page: {cut.first_page_s:.1f} s")
    wire.wait_until_it_forwards()


def test_rules_are_in_force_from_the_first_packet(wire: Wire, cut: Cut):
    """Since the boot the client has asked for nothing but pages."""
    assert code_of(wire, ATTACK) == "403"
    assert code_of(wire, "") == "200"


def test_the_second_boot_has_left_the_first_ones_work_alone(node: VM, cut: Cut):
    assert identity(node) == cut.identity


def test_the_power_button_ends_it_in_order(node: VM, cut: Cut):
    node.power_off()
    assert "Reached target" in node.serial_text()

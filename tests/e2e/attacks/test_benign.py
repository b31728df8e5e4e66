"""What looks like an attack and is none: thresholds are passed, and no incident is made of it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.support.instances.lab import TREE, Lab, run
from tests.support.instances.stories import ORIGIN, THRESHOLDS
from tests.support.instances.watcher import Watcher
from tests.support.network.peers import background, iperf, iperf_server
from tests.support.waiting import wait_for

pytestmark = pytest.mark.alone
CROWD = TREE / "tests" / "support" / "clients" / "crowd_client.py"
CROWD_PREFIX, CROWD_FIRST = "198.18.40.0/22", "198.18.40.1"
DETECTION = {"type": "detection", **THRESHOLDS, "requests": 5000}
POLICY = {"name": "benign", "http": {"ports": [80]}, "rules": [DETECTION]}
"""Requests at half of the default: a crowd has as many as it has clients, and that is all right."""
CLIENTS, RETRYING = 400, 120
PORTS = 150
MEGABYTES = 128
UNHEARD = 500


def test_a_crowd_a_backup_a_monitor_and_a_reboot_are_no_attacks(lab: Lab, watcher: Watcher):
    before = watcher.ids()
    own(lab, CROWD_PREFIX)
    assert crowd(lab, CLIENTS, try_s=20) == CLIENTS
    with iperf_server(lab):
        assert iperf(lab, ORIGIN, megabytes=MEGABYTES) >= MEGABYTES << 20
    scan = lab.in_client("hping3", "--scan", f"1-{PORTS}", "--syn", ORIGIN)
    assert "http" in scan.stdout, scan.stdout + scan.stderr
    reboot_beside_clients(lab)
    watcher.wait_for_a_window()
    assert [(each["type"], each["trigger"]) for each in watcher.since(before)] == []


def own(lab: Lab, prefix: str) -> None:
    """All of its addresses are the client's."""
    ip = ("ip", "-n", lab.instance.namespaces.client)
    done = run(*ip, "route", "replace", "local", prefix, "dev", "lo")
    assert done.returncode == 0, done.stderr


def crowd(lab: Lab, count: int, try_s: float) -> int:
    """So many clients at once, each from an address of its own; returns how many were served."""
    return int(lab.in_client(*crowd_command(count, try_s), timeout_s=180).stdout)


def crowd_command(count: int, try_s: float) -> tuple[str, ...]:
    return (sys.executable, str(CROWD), ORIGIN, CROWD_FIRST, str(count), str(try_s))


def reboot_beside_clients(lab: Lab) -> None:
    """The host is silent for a while; clients try again twice a second, until it is back."""
    command = (*lab.enter("client"), *crowd_command(RETRYING, 0.5))
    with ExitStack() as boot:
        boot.enter_context(silent_origin(lab))
        with background(*command) as clients:
            wait_for(lambda: unheard(lab) > UNHEARD, "clients try again and again")
            boot.close()
            assert clients.communicate(timeout=180)[0].strip() == str(RETRYING)


@contextmanager
def silent_origin(lab: Lab) -> Iterator[None]:
    """It hears nothing, as a host that boots."""
    rules = "add table inet boot; add counter inet boot unheard; "
    rules += "add chain inet boot input { type filter hook input priority 0; policy drop; }; "
    rules += "add rule inet boot input counter name unheard drop"
    nft(lab, rules)
    try:
        yield
    finally:
        nft(lab, "delete table inet boot")


def unheard(lab: Lab) -> int:
    """Packets that the silent host has got."""
    listed = json.loads(nft(lab, "list counters", "--json"))["nftables"]
    return sum(int(each["counter"]["packets"]) for each in listed if "counter" in each)


def nft(lab: Lab, commands: str, *options: str) -> str:
    done = run(*lab.enter("origin"), "nft", *options, commands)
    assert done.returncode == 0, done.stderr
    return done.stdout

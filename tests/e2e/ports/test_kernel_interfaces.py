"""Ports on kernel interfaces (af_packet): what the kernel does to packets is undone, or counted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from appliance.lab.network import OUTSIDE
from tests.support.instances.lab import Lab
from tests.support.waiting import wait_for

ORIGIN = "198.19.0.1"
BACK_S = 120
SEND = f"""
import socket
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sending:
    for _ in range(3000):
        sending.sendto(bytes(100), ("{ORIGIN}", 9))
"""
"""More frames than the ring of a port has."""


@pytest.fixture(scope="module")
def own() -> Iterator[Lab]:
    """A lab that may be hurt."""
    made = Lab("e2e-kernel")
    made.down()
    made.up()
    yield made
    made.down()


def in_node(lab: Lab, *command: str) -> str:
    enter = ("ip", "netns", "exec", lab.instance.namespaces.node)
    done = subprocess.run([*enter, *command], capture_output=True, text=True, check=True)
    return done.stdout


def forwards(lab: Lab) -> bool:
    return lab.curl(f"http://{ORIGIN}/", timeout_s=1).returncode == 0


def test_segments_are_not_put_together_below_a_port_that_has_started(own: Lab):
    in_node(own, "ethtool", "-K", OUTSIDE, "gro", "on")
    own.kill("dataplane", signal.SIGTERM)
    assert "generic-receive-offload: off" in in_node(own, "ethtool", "-k", OUTSIDE)
    assert own.curl(f"http://{ORIGIN}/1m.bin").returncode == 0


def test_what_the_kernel_drops_for_a_port_is_counted_as_missed(own: Lab):
    def missed() -> int:
        return int(own.api("GET", "/stats").json()["ports"]["outside"]["missed"])

    before, pid = missed(), own.process("dataplane")["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        assert own.in_client(sys.executable, "-c", SEND).returncode == 0
    finally:
        os.kill(pid, signal.SIGCONT)
    wait_for(lambda: missed() > before, "what the full ring lost is counted", bound_s=BACK_S)


def test_a_data_plane_that_fails_at_every_start_says_why_until_it_starts(own: Lab):
    def status() -> dict[str, object]:
        found: dict[str, object] = own.api("GET", "/status").json()
        return found

    ip = ("ip", "link", "set", "dev")
    in_node(own, *ip, OUTSIDE, "down")
    in_node(own, *ip, OUTSIDE, "name", "gone0")
    os.kill(own.process("dataplane")["pid"], signal.SIGTERM)
    wait_for(lambda: status()["dataplane_error"], "it has said why", bound_s=BACK_S)
    found = status()
    assert (found["status"], found["health"]) == ("degraded", "unhealthy")
    assert f"interface {OUTSIDE} is not there" in str(found["dataplane_error"])
    in_node(own, *ip, "gone0", "name", OUTSIDE)
    in_node(own, *ip, OUTSIDE, "up")
    wait_for(lambda: forwards(own), "the node forwards again", bound_s=BACK_S)
    wait_for(lambda: status()["dataplane_error"] is None, "and says nothing", bound_s=BACK_S)

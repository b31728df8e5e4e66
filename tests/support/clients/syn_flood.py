"""A SYN flood, and well-behaved connections at the same time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support.instances.lab import run
from tests.support.waiting import wait_for

_GOOD = Path(__file__).with_name("good_connections.py")
_STARTED = 1000
"""Packets; the first second of a flood has many times as many."""


def good_connections(
    namespace: str, host: str, count: int, per_s: float
) -> tuple[int, list[float]]:
    """The number of failed connections, and the seconds that each of the others took."""
    command = ("ip", "netns", "exec", namespace, sys.executable, str(_GOOD))
    done = run(*command, host, str(count), str(per_s), timeout_s=300)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    failed, took = json.loads(done.stdout)
    return int(failed), [float(one) for one in took]


@contextmanager
def trafgen(namespace: str, target: str, target_mac: str, *options: str) -> Iterator[None]:
    """Send SYNs to port 80 of an IPv4 address during the block, from the first CPU."""
    with trafgen_of(namespace, _syns(mac(namespace, "net0"), target, target_mac), *options):
        begun = _sent(namespace)
        wait_for(lambda: _sent(namespace) > begun + _STARTED, "trafgen sends")
        yield


@contextmanager
def trafgen_of(namespace: str, packets: str, *options: str) -> Iterator[None]:
    """Send packets in trafgen's language from a peer's interface during the block."""
    with tempfile.NamedTemporaryFile("w", suffix=".cfg") as file:
        file.write(packets)
        file.flush()
        command = ("trafgen", "--dev", "net0", "--conf", file.name, "--cpus", "1", *options)
        # In its own process group, because trafgen sends from a child process.
        flood = subprocess.Popen(
            ["ip", "netns", "exec", namespace, *command],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            yield
            if flood.poll() is not None:
                raise RuntimeError(f"trafgen has ended: {flood.communicate()[1]}")
        finally:
            with suppress(ProcessLookupError):
                os.killpg(flood.pid, signal.SIGKILL)
            flood.wait()


def mac(namespace: str, device: str) -> str:
    """The MAC address of an interface."""
    done = run("ip", "-n", namespace, "-j", "link", "show", "dev", device)
    return str(json.loads(done.stdout)[0]["address"])


def _sent(namespace: str) -> int:
    """Number of packets that the peer's interface has sent."""
    done = run("ip", "-n", namespace, "-j", "-s", "link", "show", "dev", "net0")
    return int(json.loads(done.stdout)[0]["stats64"]["tx"]["packets"])


def _syns(source_mac: str, target: str, target_mac: str) -> str:
    """SYNs with an MSS from 100.0.0.0/8, with right checksums."""
    macs = ", ".join(f"0x{byte}" for one in (target_mac, source_mac) for byte in one.split(":"))
    address = ", ".join(target.split("."))
    return f"""{{
  {macs}, 0x08, 0x00,
  0x45, 0, c16(44), c16(1), c16(0x4000), 64, 6, csumip(14, 33), 100, drnd(3), {address},
  drnd(2), c16(80), drnd(4), c32(0), 0x60, 0x02, c16(64240), csumtcp(14, 34), c16(0),
  2, 4, c16(1460)
}}
"""

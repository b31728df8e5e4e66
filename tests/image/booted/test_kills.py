"""kill -9, ten times in a row for each process: it is back and the node forwards, each time.

Prints how long that took. On hardware the aim is 5 seconds. An emulated machine runs about ten
times slower, and twice as slow again on a busy host. The bound is TimeoutStartSec of the API.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
import requests

from tests.image.support.peers.taps import ORIGIN4, Wire
from tests.image.support.vms.machine import FORWARD_HOST
from tests.image.support.vms.vm import METRICS_PORT, VM
from tests.support.waiting import wait_for

ROUNDS = 10
BACK_S = 300
REQUEST_S = 30.0
"""Longer than an answer takes: a request that is given up is worked on all the same."""
POLL_S = 1.0
"""Asking costs the emulated CPU that the processes start on."""
DATAPLANE = "secbeat-dataplane"
CONTROL = ("secbeat-api", "secbeat-agent", "secbeat-tls")
pytestmark = pytest.mark.timeout(ROUNDS * BACK_S)


@pytest.fixture(scope="module", autouse=True)
def _forwards(node: VM, wire: Wire) -> None:
    wire.wait_until_it_forwards()


def test_the_packet_path_comes_back_and_forwards(node: VM, wire: Wire, say: Callable[[str], None]):
    before = restarts(node, DATAPLANE)
    times_s = []
    for _ in range(ROUNDS):
        kill(node, DATAPLANE)
        forwards = {DATAPLANE: lambda: wire.passes(ORIGIN4, timeout_s=0.5)}
        times_s.append(until(forwards, every_s=0.1)[DATAPLANE])
    say(summary(DATAPLANE, times_s))
    assert restarts(node, DATAPLANE) == before + ROUNDS
    wait_for(node.is_ready, "the node is ready", BACK_S, every_s=POLL_S)


def test_the_control_side_comes_back_and_traffic_never_stops(
    node: VM, wire: Wire, say: Callable[[str], None]
):
    before = {unit: restarts(node, unit) for unit in CONTROL}
    checks: dict[str, Callable[[], bool]] = {
        "secbeat-tls": lambda: speaks_tls(node),
        "secbeat-api": node.is_ready,
        "secbeat-agent": lambda: metrics(node),
    }
    times_s: dict[str, list[float]] = {unit: [] for unit in CONTROL}
    for _ in range(ROUNDS):
        kill(node, *CONTROL)
        assert wire.passes(ORIGIN4), "traffic stopped with the control side"
        for unit, taken_s in until(checks, POLL_S).items():
            times_s[unit].append(taken_s)
        assert wire.passes(ORIGIN4), "traffic stopped with the control side"
    for unit in CONTROL:
        say(summary(unit, times_s[unit]))
        assert restarts(node, unit) == before[unit] + ROUNDS


def kill(node: VM, *units: str) -> None:
    """SIGKILL for the main processes, at once; they are dead when this returns."""
    pids = " ".join(f"$(systemctl show -P MainPID {unit})" for unit in units)
    node.root(
        f"pids=$(echo {pids}); kill -9 $pids;"
        " for pid in $pids; do while [ -d /proc/$pid ]; do sleep 0.1; done; done"
    )


def until(checks: dict[str, Callable[[], bool]], every_s: float) -> dict[str, float]:
    """Wait for all; returns after how many seconds each was fulfilled for the first time."""
    start = time.monotonic()
    reached: dict[str, float] = {}

    def all_reached() -> bool:
        for name, check in checks.items():
            if name not in reached and check():
                reached[name] = time.monotonic() - start
        return len(reached) == len(checks)

    wait_for(all_reached, f"{', '.join(checks)} is back", BACK_S, every_s)
    return reached


def summary(unit: str, times_s: list[float]) -> str:
    """What was measured, in a line."""
    mean_s = sum(times_s) / len(times_s)
    return f"{unit}: back after kill -9 in {mean_s:.1f} s, at most {max(times_s):.1f} s"


def restarts(node: VM, unit: str) -> int:
    """How often systemd has restarted it."""
    return int(node.root(f"systemctl show -P NRestarts {unit}"))


def speaks_tls(node: VM) -> bool:
    """Whether anything answers by TLS, be it that the API is away."""
    try:
        node.api("GET", "/health/live", timeout_s=REQUEST_S)
    except requests.RequestException:
        return False
    return True


def metrics(node: VM) -> bool:
    """Whether the agent answers."""
    url = f"http://{FORWARD_HOST}:{node.port(METRICS_PORT)}/metrics"
    try:
        return requests.get(url, timeout=REQUEST_S).status_code == 200
    except requests.RequestException:
        return False

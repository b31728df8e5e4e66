"""Traffic that is no attack, under the thresholds that a node has without a policy: no incident."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dataplane.client import Observer, observe
from tests.support.instances.lab import Lab, run
from tests.support.network.peers import background, iperf, iperf_server
from tests.support.waiting import wait_for

pytestmark = pytest.mark.alone
ORIGIN = "198.19.0.1"
CLIENTS = 1000
WRK = ("wrk", "--threads", "1", "--timeout", "20s")
PACE = "function delay() return 100 end\n"
"""Milliseconds before each request: 200 clients that do not stay are at most 2,000 a second, on
whatever machine."""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    made = Lab("e2e-benign")
    made.down()
    made.up(config="[connections]\nlearning_seconds = 0\n")
    yield made
    made.down()


@pytest.fixture
def observer(lab: Lab) -> Iterator[Observer]:
    """Looks at the end whether anything was taken for an attack."""
    with observe(Path(lab.instance.socket)) as found:
        yield found
        assert found.incidents() == []
        assert found.stats().detection.ticks > 0


def test_a_crowd_that_comes_within_a_second(lab: Lab, observer: Observer):
    command = (*WRK, "--connections", str(CLIENTS), "--duration", "3s")
    done = lab.in_client(*command, f"http://{ORIGIN}/", timeout_s=120)
    assert "requests in" in done.stdout, done.stdout + done.stderr


@pytest.fixture
def coming_and_going(tmp_path: Path) -> tuple[str, ...]:
    """Clients with a connection for each page."""
    script = tmp_path / "pace.lua"
    script.write_text(PACE)
    options = ("--connections", "200", "--header", "Connection: close", "--script", str(script))
    return (*WRK, *options)


def test_a_crowd_whose_clients_do_not_stay(
    lab: Lab, observer: Observer, coming_and_going: tuple[str, ...]
):
    command = (*coming_and_going, "--duration", "3s")
    done = lab.in_client(*command, f"http://{ORIGIN}/", timeout_s=120)
    assert "requests in" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("options", [(), ("--reverse",)], ids=["to the host", "from the host"])
def test_a_fast_backup(lab: Lab, observer: Observer, options: tuple[str, ...]):
    with iperf_server(lab):
        assert iperf(lab, ORIGIN, *options, megabytes=256) >= 256 << 20


def test_a_monitor_that_tries_every_port(lab: Lab, observer: Observer):
    scan = lab.in_client("hping3", "--scan", "1-1000", "--syn", ORIGIN, timeout_s=120)
    assert "80" in scan.stdout + scan.stderr
    ping = lab.in_client("ping", "-c", "50", "-i", "0.02", ORIGIN)
    assert ping.returncode == 0, ping.stdout


def test_a_host_that_is_away_for_some_seconds_while_its_clients_retry(
    lab: Lab, observer: Observer, coming_and_going: tuple[str, ...]
):
    namespace = lab.instance.namespaces.origin

    def set_link(state: str) -> None:
        done = run("ip", "-n", namespace, "link", "set", "net0", state)
        assert done.returncode == 0, done.stderr

    command = (*coming_and_going, "--duration", "12s")
    with background(*lab.enter("client"), *command, f"http://{ORIGIN}/") as clients:
        before = observer.stats().connections.opened
        wait_for(lambda: observer.stats().connections.opened > before + 200, "clients are there")
        set_link("down")
        ticks = observer.stats().detection.ticks
        wait_for(lambda: observer.stats().detection.ticks > ticks + 40, "four seconds pass")
        set_link("up")
        clients.wait(120)
    assert lab.curl(f"http://{ORIGIN}/").returncode == 0

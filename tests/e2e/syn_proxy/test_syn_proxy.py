"""Real hosts through the SYN proxy: nobody notices but the flood."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.support.clients.syn_flood import good_connections, mac, trafgen
from tests.support.instances.heard import heard
from tests.support.instances.lab import Lab, assert_ledgers
from tests.support.instances.proxied import until_proxied
from tests.support.network.peers import background, iperf, iperf_server, vlan, wrk_until
from tests.support.waiting import wait_for

ORIGINS = {"ipv4": "198.19.0.1", "ipv6": "2001:2::2:1"}
VLAN = {
    "client": ["10.79.0.1/24", "2001:db8:79::1/64"],
    "origin": ["10.79.0.2/24", "2001:db8:79::2/64"],
}
VLAN_ORIGINS = ("10.79.0.2", "[2001:db8:79::2]")
FLOOD_S = 10
GOOD_PER_S = 200
TRAFGEN_RATE = "100000pps"


def put(lab: Lab, key: str, **policy: object) -> None:
    lab.change("PUT", "/policy", key, json={"name": "proxied", **policy})


@pytest.fixture
def proxied(lab: Lab, key: str) -> Iterator[None]:
    put(lab, key, syn="always")
    yield
    lab.change("PUT", "/policy", key, json={"name": "default"})


@pytest.fixture
def automatic(lab: Lab, key: str) -> Iterator[None]:
    put(lab, key, syn="auto", syn_rate=500)
    yield
    lab.change("PUT", "/policy", key, json={"name": "default"})


@pytest.mark.parametrize("origin", ORIGINS.values(), ids=ORIGINS)
def test_pages_come_through(lab: Lab, proxied: None, origin: str):
    host = f"[{origin}]" if ":" in origin else origin
    before = lab.quiet_stats()
    for _ in range(20):
        page = lab.curl(f"http://{host}/")
        assert "Hello from the origin" in page.stdout, page.stderr
    after = lab.quiet_stats()
    assert_ledgers(after)
    # One may have been let through, to see what the origin can.
    assert 19 <= after.connections.accepted - before.connections.accepted <= 20
    assert after.connections.failed == before.connections.failed


@pytest.mark.parametrize("origin", ORIGINS.values(), ids=ORIGINS)
@pytest.mark.parametrize("direction", [[], ["--reverse"]], ids=["up", "down"])
def test_bulk_transfer(lab: Lab, proxied: None, origin: str, direction: list[str]):
    with iperf_server(lab):
        assert iperf(lab, origin, "--parallel", "8", *direction, megabytes=64) >= 64 << 20


@pytest.mark.alone
@pytest.mark.parametrize("origin", ORIGINS.values(), ids=ORIGINS)
def test_many_short_connections_fail_nowhere(lab: Lab, proxied: None, origin: str):
    host = f"[{origin}]" if ":" in origin else origin
    load = ("--connections", "50", "--duration", "5s", "--header", "Connection: close")
    wrk_until(lab, f"http://{host}/", 500, *load)


def test_not_a_byte_is_wrong_on_a_bad_line(lab: Lab, proxied: None):
    sums = []
    with vlan(lab, 79, VLAN, bad=(10, 50)):
        for host in VLAN_ORIGINS:
            fetch = f"curl -gsS --max-time 580 http://{host}/16m.bin | sha256sum"
            sums += [lab.in_client("sh", "-c", fetch, timeout_s=600).stdout for _ in range(2)]
    page = f"http://{ORIGINS['ipv4']}/16m.bin"
    whole = lab.in_client("sh", "-c", f"curl -gsS {page} | sha256sum")
    assert set(sums) == {whole.stdout}
    assert_ledgers(lab.quiet_stats())


def test_a_port_that_nobody_listens_on_is_refused_at_once(lab: Lab, proxied: None):
    refused = lab.curl(f"http://{ORIGINS['ipv4']}:81/")
    assert refused.returncode in {7, 55, 56}, refused.stderr  # or it is reset a moment later


@contextmanager
def hping3(lab: Lab) -> Iterator[None]:
    """SYNs from random sources, as fast as it can."""
    command = ("hping3", "--quiet", "--flood", "--syn", "--rand-source", "--destport", "80")
    with background(*lab.enter("client"), *command, ORIGINS["ipv4"]) as flood:
        yield
        assert flood.poll() is None, "hping3 has ended"


@contextmanager
def trafgen_flood(lab: Lab) -> Iterator[None]:
    """The same, and each SYN with an option."""
    names = lab.instance.namespaces
    with trafgen(names.client, ORIGINS["ipv4"], mac(names.origin, "net0"), "--rate", TRAFGEN_RATE):
        yield


def good(lab: Lab, count: int) -> tuple[int, list[float]]:
    return good_connections(lab.instance.namespaces.client, ORIGINS["ipv4"], count, GOOD_PER_S)


@pytest.mark.alone
@pytest.mark.parametrize("flooding", [hping3, trafgen_flood])
def test_a_flood_harms_no_connection_and_never_reaches_the_origin(
    lab: Lab, proxied: None, flooding: Callable[[Lab], AbstractContextManager[None]]
):
    count = FLOOD_S * GOOD_PER_S
    until_proxied(lab, lambda: lab.curl(f"http://{ORIGINS['ipv4']}/"))
    before, memory = lab.quiet_stats(), own_memory(lab)
    with heard(lab, "syn") as at_origin, flooding(lab):
        failed, took = good(lab, count)
        own, forged = at_origin.own, at_origin.others
    after = lab.quiet_stats()
    answers = after.origins["answer"].originated - before.origins["answer"].originated
    print(f"{answers} SYNs answered, {count} connections, the slowest took {max(took):.3f} s")
    assert_ledgers(after)
    assert answers > 10 * count
    assert (failed, forged) == (0, 0)
    assert own >= count  # one may be lost, and sent again
    # A SYN with the ports of a connection whose end was lost in a flood goes to the origin in that.
    assert count - 10 <= after.connections.accepted - before.connections.accepted <= count
    assert own_memory(lab) - memory < 2_000_000


def own_memory(lab: Lab) -> int:
    """Bytes that only the data plane has: what it shares depends on who else runs."""
    rollup = Path(f"/proc/{lab.process('dataplane')['pid']}/smaps_rollup").read_text()
    found = re.search(r"^Anonymous: +(\d+) kB$", rollup, re.MULTILINE)
    assert found, rollup
    return int(found[1]) << 10


@pytest.mark.alone
def test_auto_comes_on_with_a_flood(lab: Lab, automatic: None, key: str):
    assert good(lab, 50)[0] == 0
    before = lab.quiet_stats()
    assert before.origins["answer"].originated == lab.quiet_stats().origins["answer"].originated
    with heard(lab, "syn") as at_origin, hping3(lab):
        wait_for(
            lambda: (
                lab.stats().origins["answer"].originated
                > before.origins["answer"].originated + 1000
            ),
            "the node answers SYNs",
        )
        reached = at_origin.others
        failed, _ = good(lab, 200)
        assert failed == 0
        assert at_origin.others - reached <= 10
    assert lab.api("GET", "/status", key).json()["mode"] == "syn"

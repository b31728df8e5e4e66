"""Real hosts through the SYN proxy: nobody notices but the flood."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from tests.support.lab import Lab, assert_ledgers, run
from tests.support.peers import background, iperf, iperf_server, vlan
from tests.support.syn_flood import good_connections, mac, trafgen
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
    command = (
        "wrk",
        "--threads",
        "1",
        "--connections",
        "50",
        "--duration",
        "5s",
        "--timeout",
        "5s",
    )
    close = ("--header", "Connection: close")
    done = lab.in_client(*command, *close, f"http://{host}/", timeout_s=30)
    assert "Socket errors" not in done.stdout, done.stdout
    assert "Non-2xx" not in done.stdout, done.stdout
    requests = int(done.stdout.split(" requests in ")[0].split()[-1])
    assert requests > 500, done.stdout


def test_not_a_byte_is_wrong_on_a_bad_line(lab: Lab, proxied: None):
    sums = []
    with vlan(lab, 79, VLAN, bad=(10, 50)):
        for host in VLAN_ORIGINS:
            fetch = f"curl -gsS --max-time 50 http://{host}/16m.bin | sha256sum"
            sums += [lab.in_client("sh", "-c", fetch, timeout_s=60).stdout for _ in range(2)]
    page = f"http://{ORIGINS['ipv4']}/16m.bin"
    whole = lab.in_client("sh", "-c", f"curl -gsS {page} | sha256sum")
    assert set(sums) == {whole.stdout}
    assert_ledgers(lab.quiet_stats())


def test_a_port_that_nobody_listens_on_is_refused_at_once(lab: Lab, proxied: None):
    refused = lab.curl(f"http://{ORIGINS['ipv4']}:81/", timeout_s=5)
    assert refused.returncode in {7, 55, 56}, refused.stderr  # or it is reset a moment later


@contextmanager
def counting_syns(lab: Lab) -> Iterator[None]:
    """Counts SYNs that reach the origin; the counter is called ``syns``."""
    rules = (
        "add table inet seen; add counter inet seen syns; "
        "add chain inet seen in { type filter hook input priority -300; }; "
        "add rule inet seen in tcp flags & (syn | ack) == syn counter name syns"
    )
    done = run(*lab.enter("origin"), "nft", rules)
    assert done.returncode == 0, done.stderr
    yield
    run(*lab.enter("origin"), "nft", "delete table inet seen")


def syns(lab: Lab) -> int:
    done = run(*lab.enter("origin"), "nft", "list counter inet seen syns")
    return int(done.stdout.split("packets")[1].split()[0])


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
    for _ in range(2):  # then it is known what the origin can
        lab.curl(f"http://{ORIGINS['ipv4']}/")
        time.sleep(1.1)
    before = lab.quiet_stats()
    with counting_syns(lab), flooding(lab):
        failed, took = good(lab, count)
        seen = syns(lab)
    after = lab.quiet_stats()
    answers = after.origins["answer"].originated - before.origins["answer"].originated
    print(f"{answers} SYNs answered, {count} connections, the slowest took {max(took):.3f} s")
    assert_ledgers(after)
    assert answers > 10 * count
    assert (failed, seen) == (0, count)
    # A SYN with the ports of a connection whose end was lost in a flood goes to the origin in that.
    assert count - 10 <= after.connections.accepted - before.connections.accepted <= count
    assert after.memory_bytes - before.memory_bytes < 2_000_000


@pytest.mark.alone
def test_auto_comes_on_with_a_flood(lab: Lab, automatic: None, key: str):
    assert good(lab, 50)[0] == 0
    before = lab.quiet_stats()
    assert before.origins["answer"].originated == lab.quiet_stats().origins["answer"].originated
    with counting_syns(lab), hping3(lab):
        wait_for(
            lambda: (
                lab.stats().origins["answer"].originated
                > before.origins["answer"].originated + 1000
            ),
            "the node answers SYNs",
        )
        reached = syns(lab)
        failed, _ = good(lab, 200)
        assert failed == 0
        assert syns(lab) - reached <= 210
    assert lab.api("GET", "/status", key).json()["mode"] == "syn"

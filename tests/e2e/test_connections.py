"""Connections as real hosts make them pass a node that refuses whatever belongs to none."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.instances.heard import heard
from tests.support.instances.lab import Lab, assert_ledgers
from tests.support.network.peers import iperf, iperf_server, vlan
from tests.support.waiting import wait_for

ORIGINS = {"ipv4": "198.19.0.1", "ipv6": "2001:2::2:1"}
VLAN = {
    "client": ["10.78.0.1/24", "2001:db8:78::1/64"],
    "origin": ["10.78.0.2/24", "2001:db8:78::2/64"],
}
VLAN_ORIGINS = ("10.78.0.2", "[2001:db8:78::2]")
STATE = ("out_of_state", "out_of_window")
FORGED = 500
CONNECTS = """
import socket, sys
held = []
for _ in range(int(sys.argv[2])):
    try:
        held.append(socket.create_connection((sys.argv[1], 80), 1.0, (sys.argv[3], 0)))
    except TimeoutError:
        pass
print(len(held))
"""


def put(lab: Lab, key: str, *rules: dict[str, object]) -> None:
    lab.change("PUT", "/policy", key, json={"name": "connections", "rules": list(rules)})


@pytest.fixture
def strict(lab: Lab, key: str) -> Iterator[None]:
    put(lab, key, {"type": "connection_state", "action": "enforce"})
    yield
    lab.change("PUT", "/policy", key, json={"name": "default"})


@pytest.fixture
def limited(lab: Lab, key: str) -> Iterator[None]:
    put(lab, key, {"type": "connection_limit", "value": 5})
    yield
    lab.change("PUT", "/policy", key, json={"name": "default"})


def refused(lab: Lab) -> int:
    """Packets that belonged to no connection, or did not fit theirs."""
    stats = lab.quiet_stats()
    assert_ledgers(stats)
    return sum(stats.ports["outside"].dropped.get(reason, 0) for reason in STATE)


@pytest.mark.parametrize("origin", ORIGINS.values(), ids=ORIGINS)
@pytest.mark.parametrize("direction", [[], ["--reverse"]], ids=["up", "down"])
def test_no_segment_of_a_real_connection_is_refused(
    lab: Lab, strict: None, origin: str, direction: list[str]
):
    before = refused(lab)
    with iperf_server(lab):
        assert iperf(lab, origin, "--parallel", "4", *direction) >= 16 << 20
    assert refused(lab) == before


def test_loss_and_reordering_are_no_offence(lab: Lab, strict: None):
    before, sums = refused(lab), []
    with vlan(lab, 78, VLAN, bad=(10, 50)):
        for host in VLAN_ORIGINS:
            fetch = f"curl -gsS --max-time 580 http://{host}/16m.bin | sha256sum"
            sums.append(lab.in_client("sh", "-c", fetch, timeout_s=600).stdout)
    page = f"http://{ORIGINS['ipv4']}/16m.bin"
    whole = lab.in_client("sh", "-c", f"curl -gsS {page} | sha256sum")
    assert set(sums) == {whole.stdout}
    assert refused(lab) == before


def test_forged_acknowledgments_do_not_get_through(lab: Lab, strict: None):
    before, sent = refused(lab), 0

    def refused_since() -> int:
        """Of some more; random sources are now and then none that sanity lets through."""
        nonlocal sent
        lab.in_client(
            *("hping3", "--quiet", "--ack", "--destport", "80", "--rand-source"),
            *("--count", str(FORGED), "--interval", "u200", ORIGINS["ipv4"]),
        )
        sent += FORGED
        return refused(lab) - before

    with heard(lab, "ack") as at_origin:
        wait_for(lambda: refused_since() > FORGED * 0.8, "they are refused")
        assert refused(lab) - before <= sent
        assert at_origin.others == 0
    assert lab.curl(f"http://{ORIGINS['ipv4']}/").returncode == 0


def test_status_counts_connections(lab: Lab, key: str):
    lab.curl(f"http://{ORIGINS['ipv4']}/")
    connections = lab.api("GET", "/status", key).json()["connections"]
    assert 0 < connections["active"] <= connections["total"]
    total = connections["total"]
    lab.curl(f"http://{ORIGINS['ipv4']}/")
    assert lab.api("GET", "/status", key).json()["connections"]["total"] > total


def test_a_source_holds_no_more_connections_than_allowed(lab: Lab, limited: None):
    source = "198.18.9.7"  # that has none from before
    lab.add_address("client", f"{source}/15")

    def connected() -> int:
        arguments = (ORIGINS["ipv4"], "8", source)
        return int(lab.in_client("python3", "-c", CONNECTS, *arguments).stdout)

    # Those that the program has closed by ending are closed for the node too.
    assert wait_for(lambda: connected() == 5, "five connections and no more")
    assert wait_for(lambda: connected() == 5, "the next five")

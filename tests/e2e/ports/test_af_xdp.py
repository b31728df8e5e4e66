"""The same node on af_xdp ports, where the kernel has them."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tests.support.instances.lab import Lab, assert_ledgers
from tests.support.network.peers import iperf, iperf_server

AF_XDP = 44
CONFIG = """
[ports.outside]
device = "net_af_xdp0,iface=outside"
[ports.inside]
device = "net_af_xdp1,iface=inside"
"""


@pytest.fixture
def fast() -> Iterator[Lab]:
    try:
        socket.socket(AF_XDP, socket.SOCK_RAW).close()
    except OSError:
        pytest.skip("this kernel has no AF_XDP sockets")
    made = Lab("e2e-xdp")
    made.down()
    made.up(config=CONFIG)
    yield made
    made.down()


def test_traffic_and_bans_on_af_xdp(fast: Lab):
    assert fast.curl("http://198.19.0.1/").returncode == 0
    assert fast.curl("http://[2001:2::2:1]/").returncode == 0
    for host in ("198.19.0.1", "2001:2::2:1"):
        done = fast.in_client("ping", "-c", "2", "-i", "0.2", "-w", "30", "-s", "3000", host)
        assert "2 received" in done.stdout, "fragments: " + done.stdout
    with iperf_server(fast):
        assert iperf(fast, "198.19.0.1") >= 16 << 20
    assert_ledgers(fast.quiet_stats())
    fast.change("POST", "/blacklist", json={"ip": "198.18.0.1"})
    assert fast.curl("http://198.19.0.1/", timeout_s=1).returncode != 0

"""The management NIC's firewall, with the file that the image carries, between two namespaces.

A listener on the host answers each connection with its port's number; what the peer receives says
where it has come out.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.network.peers import background
from tests.support.network.two_hosts import TwoHosts, run, two_hosts
from tests.support.waiting import wait_for

RULES = Path(__file__).parents[3] / "appliance/rootfs/firewall/etc/nftables.conf"
PORTS = (22, 80, 9090, 9191, 9443, 9999)
LISTENER = """
import socket, sys, threading
def serve(port, address):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    server = socket.create_server((address, port), family=family)
    def answer():
        while True:
            connection, _ = server.accept()
            connection.sendall(str(port).encode())
            connection.close()
    threading.Thread(target=answer, daemon=True).start()
for port in map(int, sys.argv[1:]):
    serve(port, "0.0.0.0")
    serve(port, "::")
print("listening", flush=True)
threading.Event().wait()
"""
ASK = """
import socket, sys
try:
    where = (sys.argv[1], int(sys.argv[2]))
    with socket.create_connection(where, timeout=float(sys.argv[3])) as connection:
        print(connection.recv(16).decode())
except TimeoutError:
    print("nothing")
"""
SEND = """
import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
    sender.sendto(b"x", (sys.argv[1], int(sys.argv[2])))
"""
SILENCE_S = "0.2"


@pytest.fixture(scope="module")
def hosts() -> Iterator[TwoHosts]:
    with two_hosts("sb-fw") as made:
        run(*made.on_host("nft", "--file", str(RULES)))
        # IPv6 sockets for IPv6 alone: each family has its own listener.
        run(*made.on_host("sysctl", "-qw", "net.ipv6.bindv6only=1"))
        ports = map(str, PORTS)
        with background(*made.on_host(sys.executable, "-c", LISTENER, *ports)) as listener:
            assert listener.stdout is not None
            assert "listening" in (line := listener.stdout.readline()), line
            yield made


def asked(hosts: TwoHosts, address: str, port: int, timeout_s: str = "30") -> str:
    """What the peer gets from a port of the host."""
    ask = (sys.executable, "-c", ASK, address, str(port), timeout_s)
    return run(*hosts.on_peer(*ask)).strip()


def counter(hosts: TwoHosts, name: str) -> str:
    """A counter of the host's own stack: what has come past the firewall."""
    return run(*hosts.on_host("nstat", "-asz", name))


def fence(hosts: TwoHosts) -> None:
    """Once this is answered, what was sent before it has been judged."""
    run(*hosts.on_peer("ping", "-c", "1", "-w", "30", hosts.ipv4))
    run(*hosts.on_peer("ping", "-c", "1", "-w", "30", hosts.ipv6))


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
@pytest.mark.parametrize(("port", "reached"), [(22, "22"), (9090, "9090"), (9999, "9443")])
def test_ssh_metrics_and_the_api_are_open_and_the_api_is_the_terminator(
    hosts: TwoHosts, family: str, port: int, reached: str
) -> None:
    assert asked(hosts, getattr(hosts, family), port) == reached


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
@pytest.mark.parametrize("port", [80, 9191, 9443])
def test_everything_else_is_silent_also_the_terminators_own_port(
    hosts: TwoHosts, family: str, port: int
) -> None:
    def is_silent() -> bool:
        """Not at the first time if a connection of another test ends just then."""
        before = counter(hosts, "TcpInSegs")
        assert asked(hosts, getattr(hosts, family), port, SILENCE_S) == "nothing"
        fence(hosts)
        return counter(hosts, "TcpInSegs") == before

    wait_for(is_silent, "nothing of it comes past the firewall")


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_on_loopback_9999_is_the_api_itself(hosts: TwoHosts, address: str) -> None:
    assert run(*hosts.on_host(sys.executable, "-c", ASK, address, "9999", "30")).strip() == "9999"


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_the_host_reaches_out_and_answers_ping(hosts: TwoHosts, family: str) -> None:
    ping = ("ping", "-c", "1", "-w", "30")
    run(*hosts.on_peer(*ping, getattr(hosts, family)))
    run(*hosts.on_host(*ping, getattr(hosts, f"peer_{family}")))


def test_datagrams_that_nobody_asked_for_are_dropped(hosts: TwoHosts) -> None:
    before = counter(hosts, "UdpNoPorts")
    send = (
        "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('{}', 53))"
    )
    run(*hosts.on_peer(sys.executable, "-c", send.format(hosts.ipv4)))
    fence(hosts)
    assert counter(hosts, "UdpNoPorts") == before


def test_loading_it_again_leaves_one_set_of_rules(hosts: TwoHosts) -> None:
    before = run(*hosts.on_host("nft", "list", "ruleset"))
    run(*hosts.on_host("nft", "--file", str(RULES)))
    assert run(*hosts.on_host("nft", "list", "ruleset")) == before

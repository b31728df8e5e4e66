"""Two network namespaces joined by a veth pair: a host under test and a peer."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from appliance.lab.network import NETNS, remove_mount

INTERFACE = "mgmt0"


@dataclass(frozen=True)
class TwoHosts:
    """Names of the namespaces, and the addresses of the host under test."""

    host: str
    peer: str
    ipv4: str = "192.0.2.1"
    ipv6: str = "2001:db8::1"
    peer_ipv4: str = "192.0.2.2"
    peer_ipv6: str = "2001:db8::2"

    def on_host(self, *command: str) -> list[str]:
        """The command that runs another one on the host."""
        return ["ip", "netns", "exec", self.host, *command]

    def on_peer(self, *command: str) -> list[str]:
        """The command that runs another one on the peer."""
        return ["ip", "netns", "exec", self.peer, *command]


@contextmanager
def two_hosts(name: str) -> Iterator[TwoHosts]:
    """Make both namespaces, and remove them after the block."""
    hosts = TwoHosts(f"{name}-host", f"{name}-peer")
    _remove(hosts)  # left by an interrupted run
    try:
        _build(hosts)
        yield hosts
    finally:
        _remove(hosts)
        remove_mount()


def run(*command: str, stdin: str | None = None, timeout_s: float = 60) -> str:
    """Run a command to its end; returns its output."""
    done = subprocess.run(
        command, input=stdin, capture_output=True, text=True, timeout=timeout_s, check=False
    )
    assert done.returncode == 0, f"{command}: {done.stderr or done.stdout}"
    return done.stdout


def _build(hosts: TwoHosts) -> None:
    for namespace in (hosts.host, hosts.peer):
        run("ip", "netns", "add", namespace)
        run("ip", "-n", namespace, "link", "set", "lo", "up")
    run(
        *("ip", "link", "add", INTERFACE, "netns", hosts.host, "type", "veth"),
        *("peer", "name", INTERFACE, "netns", hosts.peer),
    )
    for namespace, addresses in (
        (hosts.host, (hosts.ipv4, hosts.ipv6)),
        (hosts.peer, (hosts.peer_ipv4, hosts.peer_ipv6)),
    ):
        for address in addresses:
            length, nodad = ("64", ["nodad"]) if ":" in address else ("24", [])
            run(
                *("ip", "-n", namespace, "address", "add", f"{address}/{length}"),
                *("dev", INTERFACE, *nodad),
            )
        run("ip", "-n", namespace, "link", "set", INTERFACE, "up")


def _remove(hosts: TwoHosts) -> None:
    for namespace in (hosts.host, hosts.peer):
        if (NETNS / namespace).exists():
            for pid in run("ip", "netns", "pids", namespace).split():
                subprocess.run(["kill", "-KILL", pid], check=False, capture_output=True)
            run("ip", "netns", "delete", namespace)

"""A Linux router in a network namespace, with BIRD or FRR."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

from appliance.lab import network
from tests.support.instances.lab import run
from tests.support.routers import page
from tests.support.routers.daemons import Bird, Daemon, Frr

LAN = "lan0"
_OFFLOADS = ("tx", "off", "gso", "off", "gro", "off", "tso", "off")
"""The same as in the lab: a node's ports accept no checksum that hardware has to complete."""


def ip(namespace: str, *words: str) -> str:
    """Run ``ip -n NAMESPACE WORDS``; returns its output."""
    done = run("ip", "-n", namespace, *words)
    assert done.returncode == 0, f"ip -n {namespace} {' '.join(words)}: {done.stderr}"
    return done.stdout


class Router:
    """One of the two routers; ``role`` is ``outer`` or ``inner``."""

    def __init__(self, role: str, directory: Path) -> None:
        self.role = role
        self.namespace = f"sb-e2e-{role}"
        self._directory = directory
        self.daemon: Daemon | None = None

    # --- start and stop

    def add(self) -> None:
        """Make the namespace, with the settings of docs/links.md."""
        network.add_endpoint(self.namespace)
        ip(self.namespace, "link", "set", "lo", "up")
        for key, value in page.settings(self.role).items():
            # Some kernels do not have the seed; all namespaces then share one.
            if (Path("/proc/sys") / key.replace(".", "/")).exists():
                self._on("sysctl", "-qw", f"{key}={value}")

    def take(self, namespace: str, interface: str, *addresses: str) -> None:
        """Move a lab endpoint's interface to the router."""
        moved = ("netns", self.namespace, "name", interface)
        ip(namespace, "link", "set", network.ENDPOINT_INTERFACE, *moved)
        self._set_up(interface, addresses)

    def join(self, namespace: str, *addresses: str) -> None:
        """Make a network behind the router, with an endpoint in it that has no interface yet."""
        ends = ("peer", "name", network.ENDPOINT_INTERFACE, "netns", namespace)
        ip(self.namespace, "link", "add", LAN, "type", "veth", *ends)
        for where, name in ((self.namespace, LAN), (namespace, network.ENDPOINT_INTERFACE)):
            done = run("ip", "netns", "exec", where, "ethtool", "-K", name, *_OFFLOADS)
            assert done.returncode == 0, done.stderr
        self._set_up(LAN, addresses)

    def run_bird(self) -> None:
        """Run BIRD until `halt` or `close`."""
        self.daemon = Bird(self.namespace, self.role, self._directory)

    def run_frr(self) -> None:
        """Run FRR until `halt` or `close`."""
        self.daemon = Frr(self.namespace, self.role)

    def halt(self) -> None:
        """End the daemon, and remove its routes, which nothing else does."""
        if self.daemon is not None:
            self.daemon.stop()
        self.daemon = None
        for family, protocol in product(("-4", "-6"), ("bird", "bgp")):
            ip(self.namespace, family, "route", "flush", "proto", protocol)

    def close(self) -> None:
        """End the daemon and remove the namespace; may be called again."""
        if self.daemon is not None:
            self.daemon.stop()
        if (network.NETNS / self.namespace).exists():
            for pid in run("ip", "netns", "pids", self.namespace).stdout.split():
                run("kill", "-KILL", pid)
            run("ip", "netns", "delete", self.namespace)

    # --- state

    @property
    def bird(self) -> Bird:
        """The daemon, which must be BIRD."""
        assert isinstance(self.daemon, Bird)
        return self.daemon

    def paths(self, prefix: str) -> set[str]:
        """The interfaces that the kernel currently uses for packets to a prefix."""
        found: list[dict[str, Any]] = json.loads(
            ip(self.namespace, "-json", _family(prefix), "route", "show", prefix)
        )
        hops = [hop for route in found for hop in route.get("nexthops", [route])]
        return {hop["dev"] for hop in hops if not {"linkdown", "dead"} & {*hop.get("flags", ())}}

    def _set_up(self, interface: str, addresses: tuple[str, ...]) -> None:
        for address in addresses:
            nodad = ("nodad",) if ":" in address else ()
            ip(self.namespace, "address", "add", address, "dev", interface, *nodad)
        ip(self.namespace, "link", "set", interface, "up")

    def _on(self, *command: str) -> None:
        done = run("ip", "netns", "exec", self.namespace, *command)
        assert done.returncode == 0, done.stderr


def _family(address: str) -> str:
    return "-6" if ":" in address else "-4"

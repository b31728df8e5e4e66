"""Three network namespaces: client -> node -> origin, connected by two veth pairs.

The node has no address: client and origin are in one subnet, and reach each other only through the
data plane. Everything is created inside the namespaces, so the host's own network does not change,
and interfaces and sysctls are removed with their namespace.
"""

from __future__ import annotations

import errno
import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from appliance.lab.commands import LabError, run, try_run
from appliance.lab.instance import Namespaces

NETNS = Path("/run/netns")
ENDPOINT_INTERFACE = "net0"
OUTSIDE = "outside"
INSIDE = "inside"


@dataclass(frozen=True)
class Endpoint:
    """Addresses of one peer, with their prefix lengths (RFC 2544 and RFC 5180)."""

    ipv4: str
    ipv6: str

    def plain(self) -> tuple[str, str]:
        """The addresses alone."""
        return self.ipv4.split("/")[0], self.ipv6.split("/")[0]


CLIENT = Endpoint("198.18.0.1/15", "2001:2::1:1/64")
ORIGIN = Endpoint("198.19.0.1/15", "2001:2::2:1/64")


def existing(namespaces: Namespaces) -> list[str]:
    """The namespaces that exist already."""
    return [name for name in namespaces.all() if (NETNS / name).exists()]


def build(namespaces: Namespaces) -> None:
    """Make the namespaces and their content; raises LabError."""
    # Before any interface exists: the node must send no packets of its own.
    _add(namespaces.node, disable_ipv6=1)
    add_endpoint(namespaces.client)
    add_endpoint(namespaces.origin)
    join(namespaces.client, namespaces.node, OUTSIDE)
    join(namespaces.origin, namespaces.node, INSIDE)
    set_addresses(namespaces.client, CLIENT)
    set_addresses(namespaces.origin, ORIGIN)


def add_endpoint(namespace: str) -> None:
    """Make the namespace of a client or an origin, without its interface."""
    _add(namespace, disable_ipv6=0)


def set_addresses(namespace: str, endpoint: Endpoint) -> None:
    """Give the interface in a client's or an origin's namespace its addresses, and set it up."""
    ip = ("ip", "-n", namespace)
    run(*ip, "link", "set", "lo", "up")
    run(*ip, "address", "add", endpoint.ipv4, "dev", ENDPOINT_INTERFACE)
    # nodad: usable at once, without queries through a node that does not forward yet.
    run(*ip, "address", "add", endpoint.ipv6, "dev", ENDPOINT_INTERFACE, "nodad")
    run(*ip, "link", "set", ENDPOINT_INTERFACE, "up")


def join(endpoint: str, node: str, port: str, interface: str = ENDPOINT_INTERFACE) -> None:
    """Connect an interface of an endpoint with a data port of a node; creates both."""
    run(
        *("ip", "link", "add", interface, "netns", endpoint, "type", "veth"),
        *("peer", "name", port, "netns", node),
    )
    # Virtual ports must not get packets with checksums that hardware should complete, or packets
    # larger than the MTU.
    run("ip", "netns", "exec", endpoint, "ethtool", "-K", interface, *_OFFLOADS)
    run("ip", "netns", "exec", node, "ethtool", "-K", port, *_OFFLOADS)
    run("ip", "-n", node, "link", "set", port, "promisc", "on", "up")


def remove(namespaces: Namespaces) -> None:
    """Remove what `build` has made, as far as it exists, and end every process inside."""
    for name in existing(namespaces):
        for pid in run("ip", "netns", "pids", name).split():
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
    for interface in (OUTSIDE, INSIDE):
        # A namespace is removed some time after its name: remove its interfaces now.
        try_run("ip", "-n", namespaces.node, "link", "delete", interface)
    for name in existing(namespaces):
        run("ip", "netns", "delete", name)


def remove_mount() -> None:
    """Undo the mount that the first ``ip netns add`` leaves on the host, if it is not in use."""
    try:
        if NETNS.is_dir() and not any(NETNS.iterdir()):
            while try_run("umount", str(NETNS)):  # one for each time that it was mounted
                pass
            NETNS.rmdir()
    except OSError as exc:
        if exc.errno not in _SOMEBODY_S:
            raise LabError(f"{NETNS} can't be removed: {exc.strerror}") from exc


def _add(namespace: str, disable_ipv6: int) -> None:
    if not try_run("ip", "netns", "add", namespace):
        # Another process may have removed the directory just then.
        run("ip", "netns", "add", namespace)
    for scope in ("all", "default"):
        assignment = f"net.ipv6.conf.{scope}.disable_ipv6={disable_ipv6}"
        run("ip", "netns", "exec", namespace, "sysctl", "-qw", assignment)


_SOMEBODY_S = (errno.ENOTEMPTY, errno.ENOENT)
"""Another process has made a namespace meanwhile, or has removed the last one."""
_OFFLOADS = ("tx", "off", "gso", "off", "gro", "off", "tso", "off")

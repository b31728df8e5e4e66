"""The controller's namespace with the management bridge, and two routers with the nodes between.

A cable goes from each host to the bridge, and one from each of its data ports to a router:
``client`` before the nodes, ``origin`` behind them. Each node is on a network of its own between
the two, and both spread connections over those whose cables have a link (ECMP by addresses and
ports).
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from appliance.commands import run
from appliance.lab import network
from appliance.lab.instance import Instance, Namespaces

BRIDGE = "mgmt"
MANAGEMENT = "mgmt0"
"""The interface in a host."""
CLIENT, ORIGIN = "198.18.0.1", "198.19.0.1"
"""Addresses of the two that no single cable has."""
_CONTROLLER_ADDRESS = "10.90.0.1/24"
_ROUTER = (
    "net.ipv4.fib_multipath_hash_policy=1",
    "net.ipv4.conf.all.ignore_routes_with_linkdown=1",
)


def controller(instance: Instance) -> str:
    """The namespace in which ansible-playbook and curl are at home."""
    return instance.namespaces.client


def address(number: int) -> str:
    """Of a host on the management network; hosts are counted from 1."""
    return f"10.90.0.{10 + number}"


def near(number: int) -> str:
    """The client's address on the cable to a host."""
    return f"198.18.{number}.1"


def far(number: int) -> str:
    """The origin's address on the cable to a host: what is sent there goes through that host."""
    return f"198.18.{number}.2"


def cable(number: int) -> str:
    """The interface of a router that a host is on."""
    return f"net{number}"


def build_controller(instance: Instance) -> None:
    """Make the namespace and the bridge in it."""
    name = controller(instance)
    network.add_endpoint(name)
    ip = ("ip", "-n", name)
    run(*ip, "link", "set", "lo", "up")
    run(*ip, "link", "add", BRIDGE, "type", "bridge")
    run(*ip, "address", "add", _CONTROLLER_ADDRESS, "dev", BRIDGE)
    run(*ip, "link", "set", BRIDGE, "up")


def build_routers(routers: Namespaces) -> None:
    """Make both, without cables."""
    for name, own in ((routers.client, CLIENT), (routers.origin, ORIGIN)):
        network.add_endpoint(name)
        run("ip", "netns", "exec", name, "sysctl", "-qw", *_ROUTER)
        run("ip", "-n", name, "link", "set", "lo", "up")
        run("ip", "-n", name, "address", "add", f"{own}/32", "dev", "lo")


def build_host(instance: Instance, routers: Namespaces, host: str, number: int) -> None:
    """Make a host's namespace, its data ports with a cable to each router, its management port."""
    network.add_endpoint(host)
    for router, port, own in (
        (routers.client, network.OUTSIDE, near(number)),
        (routers.origin, network.INSIDE, far(number)),
    ):
        network.join(router, host, port, cable(number))
        # The kernel of a node has nothing to say on its data ports.
        _sysctl(host, f"net.ipv6.conf.{port}.disable_ipv6=1")
        run("ip", "-n", router, "address", "add", f"{own}/24", "dev", cable(number))
        run("ip", "-n", router, "link", "set", cable(number), "up")
    bridge, port = controller(instance), f"host{number}"
    run(
        *("ip", "link", "add", port, "netns", bridge, "type", "veth"),
        *("peer", "name", MANAGEMENT, "netns", host),
    )
    run("ip", "-n", bridge, "link", "set", port, "master", BRIDGE, "up")
    run("ip", "-n", host, "link", "set", "lo", "up")
    run("ip", "-n", host, "address", "add", f"{address(number)}/24", "dev", MANAGEMENT)
    run("ip", "-n", host, "link", "set", MANAGEMENT, "up")


def spread(routers: Namespaces, numbers: Iterable[int]) -> None:
    """Route between client and origin over these hosts, each as good as the others."""
    hosts = list(numbers)
    for name, to, own, via in (
        (routers.client, ORIGIN, CLIENT, far),
        (routers.origin, CLIENT, ORIGIN, near),
    ):
        hops = [word for n in hosts for word in ("nexthop", "via", via(n), "dev", cable(n))]
        run("ip", "-n", name, "route", "replace", f"{to}/32", "src", own, *hops)


def sent(routers: Namespaces, number: int) -> int:
    """Packets that the client has sent towards a host."""
    told = run("ip", "-n", routers.client, "-json", "-stats", "link", "show", cable(number))
    return int(json.loads(told)[0]["stats64"]["tx"]["packets"])


def _sysctl(namespace: str, assignment: str) -> None:
    run("ip", "netns", "exec", namespace, "sysctl", "-qw", assignment)

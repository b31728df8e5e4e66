"""The controller's namespace with the management bridge; a cable from it to each host.

A host's own namespace also has its two data ports, with a client before and an origin behind it,
as a lab has: `appliance.lab.network`.
"""

from __future__ import annotations

from appliance.commands import run
from appliance.lab import network
from appliance.lab.instance import Instance, Namespaces

BRIDGE = "mgmt"
MANAGEMENT = "mgmt0"
"""The interface in a host."""
_CONTROLLER_ADDRESS = "10.90.0.1/24"


def controller(instance: Instance) -> str:
    """The namespace in which ansible-playbook and curl are at home."""
    return instance.namespaces.client


def address(number: int) -> str:
    """Of a host on the management network; hosts are counted from 1."""
    return f"10.90.0.{10 + number}"


def build_controller(instance: Instance) -> None:
    """Make the namespace and the bridge in it."""
    name = controller(instance)
    network.add_endpoint(name)
    ip = ("ip", "-n", name)
    run(*ip, "link", "set", "lo", "up")
    run(*ip, "link", "add", BRIDGE, "type", "bridge")
    run(*ip, "address", "add", _CONTROLLER_ADDRESS, "dev", BRIDGE)
    run(*ip, "link", "set", BRIDGE, "up")


def build_host(instance: Instance, namespaces: Namespaces, number: int) -> None:
    """Make a host's namespace with its data ports, and plug its management port into the bridge."""
    network.build(namespaces)
    host, bridge = namespaces.node, controller(instance)
    # The data ports stay without: the kernel of a node has nothing to say there.
    for scope in ("lo", "default"):
        knob = f"net.ipv6.conf.{scope}.disable_ipv6=0"
        run("ip", "netns", "exec", host, "sysctl", "-qw", knob)
    port = f"host{number}"
    run(
        *("ip", "link", "add", port, "netns", bridge, "type", "veth"),
        *("peer", "name", MANAGEMENT, "netns", host),
    )
    run("ip", "-n", bridge, "link", "set", port, "master", BRIDGE, "up")
    run("ip", "-n", host, "link", "set", "lo", "up")
    run("ip", "-n", host, "address", "add", f"{address(number)}/24", "dev", MANAGEMENT)
    run("ip", "-n", host, "link", "set", MANAGEMENT, "up")

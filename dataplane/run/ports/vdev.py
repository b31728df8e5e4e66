"""Virtual ports: their kernel interfaces, and the reasons why DPDK has not created one.

DPDK starts without such a port; its own log lines name at best a function.
"""

from __future__ import annotations

import socket

_ON_PACKET_SOCKETS = ("net_af_packet", "eth_af_packet")
_ON_AN_INTERFACE = (*_ON_PACKET_SOCKETS, "net_af_xdp", "net_pcap")
"""Drivers whose ``iface=`` is a kernel interface; others create their own, or take it from the
kernel."""
_REMEDY = "its unit must be allowed to: docs/configuration.md#kernel-interfaces"


QUEUE_ARGUMENTS = {"net_af_packet": "qpairs", "net_af_xdp": "queue_count"}
"""The setting with the port's number of queues, by driver; drivers that are not listed have one
queue."""


def interface_of(device: str) -> str | None:
    """The kernel interface in a device string; None: there is none."""
    name, *arguments = device.split(",")
    if not name.startswith(_ON_AN_INTERFACE):
        return None
    return next((a.removeprefix("iface=") for a in arguments if a.startswith("iface=")), None)


def reason(device: str) -> str:
    """The reason for which a device string could not become a port."""
    interface = interface_of(device)
    if interface is not None and not _exists(interface):
        return f"interface {interface} is not there, in the network namespace of the data plane"
    if device.startswith(_ON_PACKET_SOCKETS) and (refusal := _refusal()):
        return f"the data plane may not open packet sockets ({refusal}); {_REMEDY}"
    return "DPDK says why above"


def _exists(interface: str) -> bool:
    try:
        socket.if_nametoindex(interface)
    except OSError:
        return False
    return True


def _refusal() -> str | None:
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close()
    except OSError as error:
        return error.strerror
    return None

"""The TCP ports of API and metrics: free, or used by the node already."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from appliance.config.binds import Bind
from appliance.config.model import ApiSection, MetricsSection
from appliance.doctor.context import Context, Finding, Status
from appliance.host.files import Host

_DEFAULT_BINDS = {
    "api": ApiSection().bind,
    "metrics public": MetricsSection().public,
    "metrics internal": MetricsSection().internal,
}
_LISTEN = "0A"
_FIELDS = 10
_IPV4_HEX_DIGITS = 8


@dataclass(frozen=True)
class Listener:
    """A listening TCP socket."""

    bind: Bind
    inode: str


def check_tcp_ports(context: Context) -> Iterator[Finding]:
    """Each configured bind of the node's processes."""
    taken = listeners(context.host)
    each = [(name, text) for name, texts in _binds(context).items() for text in texts]
    for name, text in each:
        wanted = Bind.parse(text)
        other = next((listener for listener in taken if listener.bind.collides(wanted)), None)
        if other is None:
            yield Finding(f"{name} {text}", Status.OK, "free")
            continue
        owner = process_of(context.host, other.inode)
        if owner and "secbeat" in owner.lower():
            yield Finding(f"{name} {text}", Status.OK, f"ours: {owner}")
        elif owner is None:
            why = "who it is can't be seen without root; it may be this node"
            command = f"ss -ltnp 'sport = :{wanted.port}'"
            yield Finding(f"{name} {text}", Status.WARN, "in use", why, f"sudo {command}")
        else:
            why = "two processes can't listen on one address"
            command = f"ss -ltnp 'sport = :{wanted.port}'   # or another port in secbeat.toml"
            yield Finding(f"{name} {text}", Status.FAIL, f"in use by {owner}", why, command)


def listeners(host: Host) -> list[Listener]:
    """The listening sockets in /proc/net/tcp and tcp6 (proc_pid_net(5))."""
    found = []
    for name in ("tcp", "tcp6"):
        for line in (host.text(f"/proc/net/{name}") or "").splitlines()[1:]:
            fields = line.split()
            if len(fields) >= _FIELDS and fields[3] == _LISTEN:
                found.append(Listener(_bind(fields[1]), fields[9]))
    return found


def process_of(host: Host, inode: str) -> str | None:
    """Command line of the process that holds a socket; None if it is not readable."""
    wanted = f"socket:[{inode}]"
    for pid in host.names("/proc"):
        if not pid.isdigit():
            continue
        for number in host.names(f"/proc/{pid}/fd"):
            if host.link_text(f"/proc/{pid}/fd/{number}") == wanted:
                command = (host.text(f"/proc/{pid}/cmdline") or "").replace("\0", " ").strip()
                return f"{command or host.text(f'/proc/{pid}/comm')} (pid {pid})"
    return None


def _binds(context: Context) -> dict[str, tuple[str, ...]]:
    if context.config is None:
        return _DEFAULT_BINDS
    metrics = context.config.metrics
    values = (context.config.api.bind, metrics.public, metrics.internal)
    return dict(zip(_DEFAULT_BINDS, values, strict=True))


def _bind(text: str) -> Bind:
    """``0100007F:270F``: words of the address in the host's byte order; the port in hexadecimal."""
    address, _, port = text.partition(":")
    words = [int(address[i : i + 8], 16) for i in range(0, len(address), 8)]
    packed = struct.pack(f"={len(words)}I", *words)
    if len(address) == _IPV4_HEX_DIGITS:
        return Bind(IPv4Address(socket.inet_ntop(socket.AF_INET, packed)), int(port, 16))
    return Bind(IPv6Address(packed), int(port, 16))

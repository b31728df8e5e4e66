"""Rules between keys of the configuration; each yields ``(key, value, limit)`` when broken."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import combinations

from appliance.config.binds import Bind
from appliance.config.model import NodeConfig, PortSection
from appliance.config.paths import socket_path

Problem = tuple[str, object, str]

SOCKET_PATH_MAX = 107
"""Bytes of ``sun_path`` in ``struct sockaddr_un`` (unix(7)), less the terminating zero."""


def broken_rules(config: NodeConfig) -> list[Problem]:
    """Every rule between keys that this configuration breaks, in the order of the file."""
    return [*_socket(config), *_ports(config), *_workers(config), *_binds(config)]


def _socket(config: NodeConfig) -> Iterator[Problem]:
    length = len(os.fsencode(socket_path(config)))
    if length > SOCKET_PATH_MAX:
        limit = f"makes a socket path of {length} bytes; at most {SOCKET_PATH_MAX} are possible"
        yield "node.run_dir", str(config.node.run_dir), limit


def _ports(config: NodeConfig) -> Iterator[Problem]:
    outside, inside = config.ports.outside, config.ports.inside
    for what, ours, theirs in zip(
        ("device", "interface"), _names(inside), _names(outside), strict=True
    ):
        if ours is not None and ours == theirs:
            limit = f"must differ from ports.outside.device: {what} {ours} is used twice"
            yield "ports.inside.device", inside.device, limit


def _names(port: PortSection) -> tuple[str, str | None]:
    """Name of the EAL device, and the kernel interface that a vdev sits on."""
    name, *arguments = port.device.split(",")
    interfaces = [a.removeprefix("iface=") for a in arguments if a.startswith("iface=")]
    return name.lower(), interfaces[0] if interfaces else None


def _workers(config: NodeConfig) -> Iterator[Problem]:
    cpus, lcores = config.dataplane.worker_cpus, config.dataplane.lcores
    if cpus and len(cpus) != lcores:
        limit = f"must name as many CPUs as dataplane.lcores, {lcores}, or none"
        yield "dataplane.worker_cpus", list(cpus), limit
    if len(set(cpus)) != len(cpus):
        yield "dataplane.worker_cpus", list(cpus), "must not name a CPU twice"


def _binds(config: NodeConfig) -> Iterator[Problem]:
    binds = {
        "api.bind": config.api.bind,
        "metrics.public": config.metrics.public,
        "metrics.internal": config.metrics.internal,
    }
    for (first, ours), (second, theirs) in combinations(binds.items(), 2):
        if Bind.parse(ours).collides(Bind.parse(theirs)):
            yield second, theirs, f"takes the same port as {first} ({ours})"

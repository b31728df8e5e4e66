"""Rules between keys of the configuration; each yields ``(key, value, limit)`` when broken."""

from __future__ import annotations

import os
from collections.abc import Iterator
from ipaddress import ip_address
from itertools import combinations
from urllib.parse import urlsplit

from api.webhooks.targets import Target, TargetError
from appliance.config.binds import Bind
from appliance.config.devices import Device, data_device, management_device
from appliance.config.model import NodeConfig, PortSection, WebhooksSection
from appliance.config.paths import agent_socket_path, socket_path
from dataplane.run.ports.vdev import interface_of

Problem = tuple[str, object, str]

SOCKET_PATH_MAX = 107
"""Bytes of ``sun_path`` in ``struct sockaddr_un`` (unix(7)), less the terminating zero."""


def broken_rules(config: NodeConfig) -> list[Problem]:
    """Every rule between keys that this configuration breaks, in the order of the file."""
    return [
        *_sockets(config),
        *_ports(config),
        *_management(config),
        *_workers(config),
        *_binds(config),
        *_webhooks(config),
        *_fleet(config),
    ]


def _sockets(config: NodeConfig) -> Iterator[Problem]:
    ours = socket_path(config)
    length = max(len(os.fsencode(each)) for each in (ours, agent_socket_path(config)))
    if length > SOCKET_PATH_MAX:
        limit = f"makes a socket path of {length} bytes; at most {SOCKET_PATH_MAX} are possible"
        yield "node.run_dir", str(config.node.run_dir), limit
    api = config.api.socket
    if api is None:
        return
    if len(os.fsencode(api)) > SOCKET_PATH_MAX:
        yield "api.socket", str(api), f"must be at most {SOCKET_PATH_MAX} bytes long"
    if api == ours:
        yield "api.socket", str(api), "is the data plane's socket: name another file"


def _webhooks(config: NodeConfig) -> Iterator[Problem]:
    return webhook_problems(config.webhooks)


def webhook_problems(section: WebhooksSection) -> Iterator[Problem]:
    """The mistakes about receivers: key, value, rule."""
    for index, url in enumerate(section.endpoints):
        key = f"webhooks.endpoints[{index}]"
        try:
            Target.parse(url, section.allow_hosts)
        except TargetError as error:
            yield key, url, str(error)
        if url in section.endpoints[:index]:
            yield key, url, "is there twice"
    if section.enabled and not section.endpoints:
        yield "webhooks.endpoints", [], "must name a receiver if webhooks are enabled"


def _ports(config: NodeConfig) -> Iterator[Problem]:
    outside, inside = config.ports.outside, config.ports.inside
    for what in _shared(data_device(outside.device), outside, data_device(inside.device), inside):
        limit = f"must differ from ports.outside.device: {what} is used twice"
        yield "ports.inside.device", inside.device, limit


def _shared(first: Device, one: PortSection, second: Device, other: PortSection) -> Iterator[str]:
    if first == second:
        yield f"device {first.value}"
    interface = interface_of(one.device)
    if interface is not None and interface == interface_of(other.device):
        yield f"interface {interface}"


def _management(config: NodeConfig) -> Iterator[Problem]:
    nic = config.management.nic
    if nic is None:
        return
    ours = management_device(nic)
    ports = {"outside": config.ports.outside, "inside": config.ports.inside}
    for name, port in ports.items():
        if ours == data_device(port.device) or nic == interface_of(port.device):
            limit = f"is a data port: ports.{name}.device names it too"
            yield "management.nic", nic, limit


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
    each = [(name, text) for name, texts in binds.items() for text in texts]
    for (first, ours), (second, theirs) in combinations(each, 2):
        if Bind.parse(ours).collides(Bind.parse(theirs)):
            yield second, theirs, f"takes the same port as {first} ({ours})"


def _fleet(config: NodeConfig) -> Iterator[Problem]:
    section = config.fleet
    if section.url is None:
        for name in ("token_file", "ca_file"):
            value = getattr(section, name)
            if value is not None:
                yield f"fleet.{name}", str(value), "needs fleet.url, the orchestrator's"
        return
    limit = _broken_url(section.url)
    if limit:
        yield "fleet.url", section.url, limit
    elif section.url.startswith("http:") and section.ca_file is not None:
        yield "fleet.ca_file", str(section.ca_file), "needs an https URL in fleet.url"


def _broken_url(text: str) -> str | None:
    """The rule that the orchestrator's URL breaks; every request to this URL has a key."""
    try:
        url = urlsplit(text)
        host, _ = url.hostname, url.port
    except ValueError as error:
        return f"is no URL: {error}"
    if url.scheme not in {"https", "http"} or not host:
        return "must be https://HOST or https://HOST:PORT"
    if url.username is not None or url.query or url.fragment or not text.isascii():
        return "must be https://HOST or https://HOST:PORT and nothing else"
    if url.scheme == "http" and not _is_this_host(host):
        return "must be https, as keys go there; http only to an address of this host"
    return None


def _is_this_host(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

"""``secbeat host console``: what a console shows above its login prompt (agetty(8), issue.d).

State, addresses, the next step; no secret. Asks systemd, the kernel and the journal, not the node's
processes: it has to tell when those are away.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from appliance.commands import CommandError, Run
from appliance.host.files import Host
from appliance.host.firstboot.account import NAME as ACCOUNT
from appliance.host.firstboot.identity import CERTIFICATE, NODE_ID
from dataplane.base.version import version

FILE = "/run/issue.d/50-secbeat.issue"
UNITS = ("firstboot", "host", "network", "nics", "dataplane", "api", "agent", "tls")
_ADDRESSES_MAX = 8
_LINE_MAX = 300
_WELL = {"active", "inactive", "activating"}
"""A one-shot that has nothing to do in this boot is inactive; of a service systemd says why."""


@dataclass(frozen=True)
class Node:
    """What there is to tell."""

    node_id: str
    forwarding: bool
    starting: bool
    """A unit is on its way up."""
    troubles: tuple[tuple[str, str], ...]
    """Unit and reason of each that is not as it should be."""
    addresses: tuple[tuple[str, str], ...]
    """Interface and address, IPv4 first."""
    fingerprint: str
    login: str


def look(host: Host, run: Run) -> Node:
    """Find out; what can't be found out is left out."""
    states = _unit_states(run)
    troubles = tuple((u, _reason(run, u)) for u, state in states.items() if state not in _WELL)
    return Node(
        node_id=host.text(NODE_ID) or "none yet",
        forwarding=states.get("secbeat-dataplane.service") == "active",
        starting="activating" in states.values(),
        troubles=troubles,
        addresses=_addresses(run),
        fingerprint=_fingerprint(host.text(CERTIFICATE) or ""),
        login=_login(host),
    )


def text(node: Node) -> str:
    """The message, as agetty reads it: a backslash would begin one of its escapes."""
    lines = [f"SecBeat {version()}, node {node.node_id}", ""]
    lines += [f"  {name:<12}{value}" for name, value in _rows(node)]
    return "".join(f"{_plain(line)}\n" for line in lines) + "\n"


def _rows(node: Node) -> Iterator[tuple[str, str]]:
    yield "state", _state(node)
    for unit, reason in node.troubles:
        yield "", f"{unit}: {reason}"
    yield from node.addresses
    if not node.addresses:
        yield "address", "none"
    else:
        yield "API", f"https://{_host_of(node.addresses[0][1])}:9999/docs"
    if node.fingerprint:
        yield "certificate", f"SHA-256 {node.fingerprint}"
    yield "next", _next(node)


def _state(node: Node) -> str:
    if node.forwarding:
        return "forwarding"
    return "starting" if node.starting and not node.troubles else "NOT FORWARDING"


def _next(node: Node) -> str:
    if node.troubles:
        return f"log in, then: journalctl -b -u {node.troubles[0][0]}; sudo secbeat doctor"
    if node.starting:
        return "wait: the node is starting"
    if not node.addresses:
        return "look at cable and DHCP server, or log in and write /etc/systemd/network/*.network"
    if node.login == "open":
        return f"log in here as {ACCOUNT}: you are asked for a new password"
    by_ssh = f"ssh {ACCOUNT}@{node.addresses[0][1].partition('/')[0]}"
    where = by_ssh if node.login == "keys" else f"{by_ssh}, or log in here"
    return f"{where}; the API's key: sudo cat /var/lib/secbeat/keys/admin.key"


def _unit_states(run: Run) -> dict[str, str]:
    names = [f"secbeat-{name}.service" for name in UNITS]
    try:
        shown = run("systemctl", "show", "--property=Id,LoadState,ActiveState,SubState", *names)
    except CommandError:
        return {}
    states = {}
    for block in shown.split("\n\n"):
        values = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        if values.get("LoadState") == "loaded":
            restarts = values.get("SubState", "").startswith("auto-restart")
            states[values["Id"]] = "failed" if restarts else values["ActiveState"]
    return {name: states[name] for name in names if name in states}


def _reason(run: Run, unit: str) -> str:
    """The last thing that the unit itself has written in this boot."""
    try:
        said = run(
            *("journalctl", "--boot", "--quiet", "--output=cat", "--lines=1"),
            *(f"_SYSTEMD_UNIT={unit}", "_TRANSPORT=stdout"),
        )
    except CommandError:
        said = ""
    return _event(said.strip()) or "is not up"


def _event(line: str) -> str:
    """What a line says: the processes log JSON, the commands plain text."""
    try:
        record = json.loads(line)
    except ValueError:
        return line
    return str(record["event"]) if isinstance(record, dict) and "event" in record else line


def _addresses(run: Run) -> tuple[tuple[str, str], ...]:
    try:
        links = json.loads(run("ip", "-json", "address", "show", "scope", "global", "up") or "[]")
        # What the command filters out stays in its answer, as an empty object.
        found = [
            (str(link["ifname"]), f"{address['local']}/{address['prefixlen']}")
            for link in links
            for address in link.get("addr_info", ())
            if address
        ]
    except (CommandError, ValueError, KeyError, TypeError):
        return ()
    return tuple(sorted(found, key=lambda one: ":" in one[1])[:_ADDRESSES_MAX])


def _fingerprint(pem: str) -> str:
    """SHA-256 of the first certificate, as `openssl x509 -fingerprint -sha256` writes it."""
    match = re.search(r"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", pem, re.DOTALL)
    if match is None:
        return ""
    try:
        der = base64.b64decode("".join(match[1].split()), validate=True)
    except ValueError:
        return ""
    return hashlib.sha256(der).digest().hex(":").upper()


def _login(host: Host) -> str:
    """How the account is entered: ``open`` (no password yet), ``password``, or ``keys``."""
    for line in (host.text("/etc/shadow") or "").splitlines():
        name, password = line.split(":")[:2]
        if name == ACCOUNT:
            return "open" if not password else "keys" if password[0] in "!*" else "password"
    return "keys"


def _host_of(address: str) -> str:
    bare = address.partition("/")[0]
    return f"[{bare}]" if ":" in bare else bare


def _plain(line: str) -> str:
    line = line[:_LINE_MAX]
    shown = "".join(c if c.isprintable() else "?" for c in line)
    return shown.replace("\\", "\\\\").rstrip()

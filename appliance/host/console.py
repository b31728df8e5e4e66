"""``secbeat host console``: the message that a console shows above its login prompt (agetty(8),
issue.d).

State, addresses, the next step; no secret. It asks systemd, the kernel and the journal, not the
node's processes, so that it also works when they are away.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from appliance.commands import CommandError, Run
from appliance.host.files import Host
from appliance.host.firstboot.account import NAME as ACCOUNT
from appliance.host.firstboot.identity import CERTIFICATE, NODE_ID
from dataplane.base.process.notify import NO_LINK
from dataplane.base.version import version

FILE = "/run/issue.d/50-secbeat.issue"
UNITS = ("firstboot", "host", "network", "nics", "dataplane", "api", "agent", "tls")
_ADDRESSES_MAX = 8
_LINE_MAX = 300
_LINES_MAX = 64
"""Lines of the journal in which a unit's last message is searched."""
_DATAPLANE = "secbeat-dataplane.service"
_PROPERTIES = "Id,LoadState,ActiveState,SubState,NRestarts,InvocationID,StatusText"


@dataclass(frozen=True)
class _Unit:
    """The state of a unit from systemd."""

    name: str
    state: str
    """The value is ``failed`` also for a unit that is restarted repeatedly."""
    restarts: int
    """Number of restarts, if it is not running."""
    invocation: str
    """Invocation id of this start; the journal's lines have it."""
    status: str
    """The status text that the unit reports."""

    @property
    def is_well(self) -> bool:
        """Whether the unit is in its expected state: a one-shot without work in this boot is
        inactive; the state of a service comes from systemd."""
        return self.state in {"active", "inactive", "activating"}


@dataclass(frozen=True)
class Node:
    """The content of the message."""

    node_id: str
    forwarding: bool
    starting: bool
    """A unit is starting."""
    no_link: str
    """Names of the data ports without a link; empty: all have one, or not known."""
    troubles: tuple[tuple[str, str], ...]
    """Unit and reason of each faulty unit."""
    addresses: tuple[tuple[str, str], ...]
    """Interface and address, IPv4 first."""
    fingerprint: str
    login: str


def look(host: Host, run: Run) -> Node:
    """Collect the content; unavailable parts are left out."""
    units = _units(run)
    dataplane = next((unit for unit in units if unit.name == _DATAPLANE), None)
    forwarding = dataplane is not None and dataplane.state == "active"
    said = dataplane.status if dataplane is not None and forwarding else ""
    return Node(
        node_id=host.text(NODE_ID) or "none yet",
        forwarding=forwarding,
        starting=any(unit.state == "activating" for unit in units),
        no_link=said.removeprefix(NO_LINK) if said.startswith(NO_LINK) else "",
        troubles=tuple((unit.name, _reason(run, unit)) for unit in units if not unit.is_well),
        addresses=_addresses(run),
        fingerprint=_fingerprint(host.text(CERTIFICATE) or ""),
        login=_login(host),
    )


def text(node: Node) -> str:
    """The message in agetty's syntax: a backslash would begin one of its escapes."""
    lines = [f"SecBeat {version()}, node {node.node_id}", ""]
    lines += [f"  {name:<12}{value}" for name, value in _rows(node)]
    return "".join(f"{_plain(line)}\n" for line in lines) + "\n"


def _rows(node: Node) -> Iterator[tuple[str, str]]:
    yield "state", _state(node)
    if node.no_link:
        yield "", f"no link at data port {node.no_link}"
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
        return "NOT FORWARDING" if node.no_link else "forwarding"
    return "starting" if node.starting and not node.troubles else "NOT FORWARDING"


def _next(node: Node) -> str:
    if node.troubles:
        return f"log in, then: journalctl -b -u {node.troubles[0][0]}; sudo secbeat doctor"
    if node.no_link:
        return f"look at cable and switch of {node.no_link}; sudo secbeat doctor"
    if node.starting:
        return "wait: the node is starting"
    if not node.addresses:
        return "look at cable and DHCP server, or log in and write /etc/systemd/network/*.network"
    if node.login == "open":
        return f"log in here as {ACCOUNT}: you are asked for a new password"
    by_ssh = f"ssh {ACCOUNT}@{node.addresses[0][1].partition('/')[0]}"
    where = by_ssh if node.login == "keys" else f"{by_ssh}, or log in here"
    return f"{where}; the API's key: sudo cat /var/lib/secbeat/keys/admin.key"


def _units(run: Run) -> list[_Unit]:
    names = [f"secbeat-{name}.service" for name in UNITS]
    try:
        shown = run("systemctl", "show", f"--property={_PROPERTIES}", *names)
    except CommandError:
        return []
    units = {}
    for block in shown.split("\n\n"):
        values = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        if values.get("LoadState") == "loaded":
            unit = _unit(values)
            units[unit.name] = unit
    return [units[name] for name in names if name in units]


def _unit(values: Mapping[str, str]) -> _Unit:
    state = values["ActiveState"]
    # A unit with failed starts is "activating" nearly all the time.
    waits = values.get("SubState", "").startswith("auto-restart")
    count = values.get("NRestarts", "")
    restarts = int(count) if count.isdigit() else 0
    again = state == "activating" and restarts > 0
    return _Unit(
        name=values["Id"],
        state="failed" if waits or again else state,
        restarts=restarts if waits or again else 0,
        invocation=values.get("InvocationID", "") if again and not waits else "",
        status=values.get("StatusText", ""),
    )


def _reason(run: Run, unit: _Unit) -> str:
    """The unit's last own message in this boot, before the start under way."""
    try:
        written = run(
            *("journalctl", "--boot", "--quiet", "--output=json", f"--lines={_LINES_MAX}"),
            "--output-fields=MESSAGE,_SYSTEMD_INVOCATION_ID",
            *(f"_SYSTEMD_UNIT={unit.name}", "_TRANSPORT=stdout"),
        )
    except CommandError:
        written = ""
    for line in reversed(written.splitlines()):
        record = _record(line)
        said = record.get("MESSAGE")
        ours = record.get("_SYSTEMD_INVOCATION_ID") == unit.invocation != ""
        if isinstance(said, str) and said.strip() and not ours:
            event = _event(said.strip())
            return f"restarted {unit.restarts} times, said: {event}" if unit.restarts else event
    return "is not up"


def _record(line: str) -> dict[str, object]:
    try:
        record = json.loads(line)
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}


def _event(line: str) -> str:
    """The event of a journal line: the processes log JSON, the commands plain text."""
    return str(_record(line).get("event", line))


def _addresses(run: Run) -> tuple[tuple[str, str], ...]:
    try:
        links = json.loads(run("ip", "-json", "address", "show", "scope", "global", "up") or "[]")
        # Interfaces that the filter of the command excludes are empty objects in its output.
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
    """The way to log in to the account: ``open`` (no password yet), ``password``, or ``keys``."""
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

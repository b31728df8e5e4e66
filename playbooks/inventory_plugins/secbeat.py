"""Inventory plugin: the hosts are the nodes of an orchestrator.

Ansible loads it on the controller, from ``inventory_plugins`` in ``ansible.cfg``. It only needs
ansible-core. It only reads: ``GET /api/v1/nodes``, page by page.
"""

from __future__ import annotations

import ipaddress
import json
import re
import socket
import urllib.error
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from ansible.errors import AnsibleParserError
from ansible.inventory.data import InventoryData
from ansible.module_utils.urls import open_url
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable
from ansible.template import trust_as_template

DOCUMENTATION = r"""
name: secbeat
short_description: Nodes of a SecBeat fleet
description:
  - Reads the nodes from the API of an orchestrator, port 3030.
  - A host has the id of its node as its name, and the variable C(secbeat), which is what the API
    says of the node, without C(stats).
  - Groups are made by mode (C(mode_l7)), status (C(status_healthy)) and label
    (C(label_site_fra)).
  - C(ansible_host) is the address that the node reports, unless a source before this one has set
    it. An unspecified address (C(0.0.0.0), C(::)) leads to this host, as does a loopback address
    unless O(url) is one too. With such an address a node gets no C(ansible_host), and a warning.
options:
  plugin:
    description: Marks a file as one for this plugin.
    required: true
    choices: [secbeat]
  url:
    description:
      - Of the orchestrator, as C(https://fleet.example:3030).
      - C(http://) only to a loopback address of this host.
    type: str
    required: true
    env:
      - name: SECBEAT_ORCHESTRATOR
  key_file:
    description:
      - File with an API key; the role C(read) is enough.
      - A relative path begins at the inventory file.
      - Without it O(api_key) is taken.
    type: str
  api_key:
    description: The key itself, best from the environment; in a file only as a C(!vault) value.
    type: str
    env:
      - name: ORCHESTRATOR_API_KEY
  ca_file:
    description:
      - Certificates of the authority that has signed the orchestrator's; else those of the system
        are trusted. The certificate is always verified.
      - A relative path begins at the inventory file.
    type: str
  timeout:
    description: Seconds for which the orchestrator may be silent, 1 to 600.
    type: int
    default: 30
  group:
    description: Group in which all nodes are; the playbooks name C(nodes).
    type: str
    default: nodes
  group_by:
    description: Of what groups are made.
    type: list
    elements: str
    choices: [mode, status, labels]
    default: [mode, status, labels]
  status:
    description: Only nodes of this status.
    type: str
    choices: [registering, healthy, degraded, unreachable, draining]
  mode:
    description: Only nodes of this mode.
    type: str
    choices: [tcp, syn, l7]
  labels:
    description: Only nodes with these labels, as C(site=fra,role in (edge,core)).
    type: str
extends_documentation_fragment:
  - constructed
  - inventory_cache
"""

EXAMPLES = r"""
# fleet.secbeat.yml; the name must end in secbeat.yml or secbeat.yaml
plugin: secbeat
url: https://fleet.example:3030
key_file: pki/read.key
ca_file: pki/ca.crt

# Only some nodes, groups of one's own, another address for ssh
plugin: secbeat
url: https://fleet.example:3030
labels: site in (fra,ams)
group_by: [status]
keyed_groups:
  - prefix: version
    key: secbeat.version
groups:
  behind: not ((secbeat.policy or {}).is_newest | default(false))
compose:
  ansible_host: inventory_hostname ~ '.mgmt.example'
"""

PAGE = 1000
PAGES_MAX = 200
"""Twice the maximum of a fleet: it stops the loop if an orchestrator always sends a next page."""
ANSWER_BYTES_MAX = 64 << 20
_SECONDS_MAX = 600
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,253}[A-Za-z0-9])?")
_NO_TEMPLATE = re.compile(r"[A-Za-z0-9.:-]+")
_NODE = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,62}")
_REFUSED = {
    401: "the key is missing or unknown: key_file or $ORCHESTRATOR_API_KEY",
    403: "the key's role may not read nodes: it takes read, operate or admin",
}

_STRANGE = "answers, but not as an orchestrator does"

Node = dict[str, Any]


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    """The class that Ansible calls."""

    NAME = "secbeat"

    def verify_file(self, path: str) -> bool:
        """Whether a source is for this plugin, according to its name."""
        named = path.endswith(("secbeat.yml", "secbeat.yaml"))
        return bool(super().verify_file(path)) and named

    def parse(
        self, inventory: InventoryData, loader: DataLoader, path: str, cache: bool = True
    ) -> None:
        """Add hosts and groups. Raises `AnsibleParserError`."""
        super().parse(inventory, loader, path, cache)
        self._read_config_data(path)
        for node in self._nodes(path, cache):
            self._add(node)

    def _nodes(self, path: str, cache: bool) -> list[Node]:
        """The nodes, from the cache if it is enabled and has them."""
        keeps = self.get_option("cache")
        key = self.get_cache_key(f"{path} {self.get_option('url')} {self._query()}")
        if keeps and cache and key in self._cache:
            return list(self._cache[key])
        found = list(self._fetched(Path(path).absolute().parent))
        if keeps:
            self._cache[key] = found
        return found

    def _fetched(self, folder: Path) -> Iterator[Node]:
        fleet = Fleet(
            checked_url(self.get_option("url")),
            self._key(folder),
            self._file("ca_file", folder),
            self._seconds(),
        )
        for node in fleet.nodes(self._query()):
            node.pop("stats", None)  # the figures change with every heartbeat
            yield node

    def _query(self) -> dict[str, str]:
        found = {name: self.get_option(name) for name in ("status", "mode", "labels")}
        return {name: str(value) for name, value in found.items() if value}

    def _seconds(self) -> int:
        seconds: int = self.get_option("timeout")
        if not 1 <= seconds <= _SECONDS_MAX:
            raise AnsibleParserError(f"timeout: {seconds} is not 1 to {_SECONDS_MAX} seconds")
        return seconds

    def _file(self, option: str, folder: Path) -> Path | None:
        """The path of an option's file. Raises `AnsibleParserError` if it can't be read."""
        if not (given := self.get_option(option)):
            return None
        path = folder / Path(given).expanduser()
        try:
            with path.open("rb"):
                return path
        except OSError as exc:
            raise AnsibleParserError(f"{option}: {path}: {exc.strerror}") from exc

    def _key(self, folder: Path) -> str:
        """The API key: one line of printable ASCII, which no error message contains."""
        source, key = "$ORCHESTRATOR_API_KEY", str(self.get_option("api_key") or "").strip()
        if path := self._file("key_file", folder):
            with path.open(encoding="utf-8", errors="replace") as file:
                source, key = f"key_file {path}", file.read(1000).strip()
        if not key:
            raise AnsibleParserError(f"no API key: {source} is empty; or name a key_file")
        if not (key.isascii() and key.isprintable()):
            raise AnsibleParserError(f"{source}: the key must be one line of printable ASCII")
        return key

    def _add(self, node: Node) -> None:
        host = self.inventory.add_host(node["id"])
        self.inventory.set_variable(host, "secbeat", node)
        known = self.inventory.get_host(host).get_vars()
        local = is_local(self.get_option("url"))
        address = host_of(node.get("address"), loopback=local)
        if "ansible_host" not in known and address:
            self.inventory.set_variable(host, "ansible_host", address)
        for name in (self.get_option("group"), *groups_of(node, self.get_option("group_by"))):
            group = self.inventory.add_group(self._sanitize_group_name(name))
            self.inventory.add_child(group, host)
        strict = self.get_option("strict")
        variables = {**self.inventory.get_host(host).get_vars(), "secbeat": node}
        self._set_composite_vars(self.get_option("compose"), variables, host, strict=strict)
        self._add_host_to_composed_groups(self.get_option("groups"), variables, host, strict=strict)
        self._add_host_to_keyed_groups(
            self.get_option("keyed_groups"), variables, host, strict=strict
        )
        self._warn(host, node.get("address"))
        self._mark_address(host)

    def _warn(self, host: str, reported: object) -> None:
        """Warn of a host whose address nobody has set, and the node's own is not usable."""
        if reported and "ansible_host" not in self.inventory.get_host(host).get_vars():
            self.display.warning(
                f"{host} reports the address {reported!r}, which does not lead to it from here: "
                f"Ansible connects to the name {host}, unless you set ansible_host"
            )

    def _mark_address(self, host: str) -> None:
        """Let ``ansible-inventory --list`` print a plain text, because testinfra does not accept a
        tagged one.

        Only for texts that can't be a template: addresses and names, but no IPv6 zones.
        """
        address = self.inventory.get_host(host).get_vars().get("ansible_host")
        if isinstance(address, str) and _NO_TEMPLATE.fullmatch(address):
            self.inventory.set_variable(host, "ansible_host", trust_as_template(address))


class Fleet:
    """The API of an orchestrator; every error message tells what to check."""

    def __init__(self, url: str, key: str, ca_file: Path | None, seconds: int) -> None:
        """See the options of the plugin."""
        self._url, self._key = url, key
        self._ca_file, self._seconds = ca_file, seconds

    def nodes(self, query: Mapping[str, str]) -> Iterator[Node]:
        """All matching nodes, by id."""
        cursor = None
        for _ in range(PAGES_MAX):
            more = {} if cursor is None else {"cursor": cursor}
            page = self._get("/nodes?" + urlencode({"limit": PAGE, **query, **more}))
            found, cursor = self._read(page)
            yield from found
            if cursor is None:
                return
        raise self._error(f"has more than {PAGES_MAX} pages of nodes")

    def _read(self, page: Any) -> tuple[list[Node], str | None]:
        """Nodes and the next cursor, after checking that this is a page of nodes."""
        try:
            found, cursor = list(page["nodes"]), page["next_cursor"]
            named = all(_NODE.fullmatch(node["id"]) for node in found)
        except (KeyError, TypeError) as exc:
            raise self._error(_STRANGE) from exc
        if not named:
            raise self._error(_STRANGE)
        return found, cursor

    def _get(self, path: str) -> Any:
        try:
            with open_url(
                f"{self._url}/api/v1{path}",
                headers={"X-SecBeat-API-Key": self._key, "Accept": "application/json"},
                http_agent="secbeat-inventory",
                timeout=self._seconds,
                ca_path=self._ca_file and str(self._ca_file),
                use_proxy=not is_local(self._url),
                use_netrc=False,
                follow_redirects="none",
            ) as answer:
                content = answer.read(ANSWER_BYTES_MAX + 1)
        except urllib.error.HTTPError as exc:
            raise self._error(refusal(exc)) from exc
        except urllib.error.URLError as exc:
            raise self._error(f"can't be reached: {exc.reason}") from exc
        except (OSError, ValueError) as exc:
            raise self._error(f"can't be reached: {exc}") from exc
        if len(content) > ANSWER_BYTES_MAX:
            raise self._error(f"answers with more than {ANSWER_BYTES_MAX} bytes")
        try:
            return json.loads(content)
        except ValueError as exc:
            raise self._error(_STRANGE) from exc

    def _error(self, text: str) -> AnsibleParserError:
        return AnsibleParserError(f"the orchestrator {self._url} {text}")


def refusal(answer: urllib.error.HTTPError) -> str:
    """The meaning of an error answer, with the API's own text if there is one."""
    try:
        detail = str(json.loads(answer.read(ANSWER_BYTES_MAX))["detail"])
    except (KeyError, OSError, TypeError, ValueError):
        detail = "no word on why"
    hint = f"; {_REFUSED[answer.code]}" if answer.code in _REFUSED else ""
    return f"answers {answer.code}: {detail}{hint}"


def checked_url(url: str) -> str:
    """The URL without the part behind the host. Raises `AnsibleParserError`."""
    try:
        parts = urlsplit(url)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        valid = valid and "@" not in parts.netloc
    except ValueError:
        valid = False
    if not valid:
        raise AnsibleParserError(f"url: {url!r} must be https://HOST:PORT")
    if parts.scheme == "http" and not is_local(url):
        raise AnsibleParserError(f"url: {url!r} is not encrypted, and the key would be read: https")
    return url.rstrip("/").removesuffix("/api/v1")


def is_local(url: str) -> bool:
    """Whether a URL leads to this host."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def host_of(address: object, *, loopback: bool = False) -> str | None:
    """The host of ``HOST:PORT``.

    Args:
        address: what a node reports.
        loopback: whether a loopback address leads to the node.

    Returns:
        An address or a name; None: the text is no host, for example an option of ssh, or it leads
        to this host instead of the node.
    """
    host = str(address or "").rpartition(":")[0].removeprefix("[").removesuffix("]")
    if (found := _ip(host)) is None:
        here = host.lower().rpartition(".")[2] == "localhost"
        return host if _HOST.fullmatch(host) and (loopback or not here) else None
    if found.is_unspecified or (found.is_loopback and not loopback):
        return None
    return str(found)


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that a host is for ssh, also in a short form such as ``0`` or ``127.1``; None:
    it is a name.
    """
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        try:
            return ipaddress.IPv4Address(socket.inet_aton(host)) if _HOST.fullmatch(host) else None
        except OSError:
            return None
    return getattr(found, "ipv4_mapped", None) or found


def groups_of(node: Node, by: list[str]) -> Iterator[str]:
    """Names of groups, which may still need conversion for Ansible."""
    for name in ("mode", "status"):
        if name in by and node.get(name):
            yield f"{name}_{node[name]}"
    if "labels" in by:
        for label, value in (node.get("labels") or {}).items():
            yield f"label_{label}_{value}"

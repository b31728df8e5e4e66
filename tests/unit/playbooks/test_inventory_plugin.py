"""The inventory plugin before an orchestrator that says what a test tells it to."""

from __future__ import annotations

import json
import ssl
import threading
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from ansible.errors import AnsibleParserError
from ansible.inventory.data import InventoryData
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import inventory_loader

from tests.support.certificates import Authority
from tests.support.documents.playbooks import TREE, ansible

KEY = "key-that-nobody-is-to-see-0123456789"
HEADER = "X-SecBeat-API-Key"


def node(number: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "id": f"node-{number}",
        "address": f"10.0.0.{number}:9090",
        "status": "healthy",
        "mode": "l7",
        "labels": {"site": "fra"},
        "version": "0.1.0",
        "stats": {"packets_processed": 1},
    } | more


def page(*nodes: dict[str, Any], cursor: str | None = None) -> dict[str, Any]:
    return {"nodes": list(nodes), "total": len(nodes), "next_cursor": cursor}


@dataclass
class Orchestrator:
    """Answers in the order of its answers, the last one again and again."""

    directory: Path
    url: str = ""
    answers: list[tuple[int, Any]] = field(default_factory=lambda: [(200, page(node()))])
    keys: list[str | None] = field(default_factory=list)
    queries: list[dict[str, str]] = field(default_factory=list)

    def source(self, **settings: Any) -> Path:
        """A file for the plugin; a setting None is left out."""
        given = {"plugin": "secbeat", "url": self.url, "key_file": "key"} | settings
        (self.directory / "key").write_text(KEY + "\n")
        source = self.directory / "fleet.secbeat.yml"
        source.write_text(yaml.safe_dump({k: v for k, v in given.items() if v is not None}))
        return source

    def read(self, **settings: Any) -> InventoryData:
        """What the plugin makes of such a file, in this process."""
        found = InventoryData()
        loaded().parse(found, DataLoader(), str(self.source(**settings)))
        return found

    def refuses(self, **settings: Any) -> str:
        """What its error says: never the key."""
        with pytest.raises(AnsibleParserError) as caught:
            self.read(**settings)
        said = "".join(traceback.format_exception(caught.value))
        assert KEY not in said
        return str(caught.value)

    def run(self, *arguments: str | Path, **environment: str) -> Any:
        """What Ansible's own program makes of it."""
        done = ansible("ansible-inventory", *arguments, home=self.directory, **environment)
        assert KEY not in done.stdout + done.stderr
        return done


def loaded() -> Any:
    """The plugin as Ansible loads it."""
    inventory_loader.add_directory(str(TREE / "playbooks" / "inventory_plugins"))
    return inventory_loader.get("secbeat")


def _handler(orchestrator: Orchestrator) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            orchestrator.queries.append({key: found[0] for key, found in query.items()})
            orchestrator.keys.append(self.headers[HEADER])
            answers = orchestrator.answers
            status, body = answers.pop(0) if len(answers) > 1 else answers[0]
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            if status == 302:
                self.send_header("Location", f"{orchestrator.url}/elsewhere")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@pytest.fixture
def orchestrator(tmp_path: Path) -> Iterator[Orchestrator]:
    yield from _served(Orchestrator(tmp_path), None)


@pytest.fixture
def encrypted(tmp_path: Path) -> Iterator[Orchestrator]:
    """With a certificate of the authority in ``ca.crt``."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*Authority(tmp_path).issue("127.0.0.1"))
    yield from _served(Orchestrator(tmp_path), context)


def _served(found: Orchestrator, context: ssl.SSLContext | None) -> Iterator[Orchestrator]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(found)) as server:
        found.url = f"http://127.0.0.1:{server.server_port}"
        if context:
            found.url = found.url.replace("http", "https")
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield found
        server.shutdown()
        thread.join()


def groups(found: InventoryData) -> dict[str, list[str]]:
    """Hosts by group, without the groups that Ansible always has."""
    made = {name: group for name, group in found.groups.items() if name not in {"all", "ungrouped"}}
    return {name: [host.name for host in group.hosts] for name, group in made.items()}


def variables(found: InventoryData, host: str = "node-1") -> dict[str, Any]:
    return dict(found.hosts[host].vars)


def test_every_page_is_read_with_the_key_and_the_filters(orchestrator: Orchestrator) -> None:
    orchestrator.answers = [
        (200, page(node(1), cursor="node-1")),
        (200, page(node(2, status="draining", mode=None, labels={}))),
    ]
    found = orchestrator.read(labels="site=fra", status="healthy", mode="l7")
    first = {"limit": "1000", "labels": "site=fra", "status": "healthy", "mode": "l7"}
    assert orchestrator.queries == [first, first | {"cursor": "node-1"}]
    assert orchestrator.keys == [KEY, KEY]
    assert groups(found) == {
        "nodes": ["node-1", "node-2"],
        "mode_l7": ["node-1"],
        "status_healthy": ["node-1"],
        "status_draining": ["node-2"],
        "label_site_fra": ["node-1"],
    }
    assert variables(found)["ansible_host"] == "10.0.0.1"
    assert variables(found)["secbeat"] == {k: v for k, v in node(1).items() if k != "stats"}


def test_groups_and_variables_are_composed_as_users_of_ansible_know_it(
    orchestrator: Orchestrator,
) -> None:
    found = orchestrator.read(
        group="fleet",
        group_by=["status"],
        keyed_groups=[{"prefix": "version", "key": "secbeat.version"}],
        groups={"in_fra": "secbeat.labels.site == 'fra'"},
        compose={"ansible_host": "inventory_hostname ~ '.mgmt.example'"},
    )
    assert groups(found).keys() == {"fleet", "status_healthy", "version_0_1_0", "in_fra"}
    assert variables(found)["ansible_host"] == "node-1.mgmt.example"


@pytest.mark.parametrize(
    ("address", "host"),
    [("[2001:db8::1]:9090", "2001:db8::1"), ("n.example:9090", "n.example"), ("-oX=y:1", None)],
)
def test_an_address_is_one_that_ssh_takes_for_nothing_else(
    orchestrator: Orchestrator, address: str, host: str | None
) -> None:
    orchestrator.answers = [(200, page(node(address=address)))]
    assert variables(orchestrator.read()).get("ansible_host") == host


HERE = [
    *("0.0.0.0:9090", "[::]:9090", "[::%eth0]:9090", "[::ffff:0.0.0.0]:9090", "0:9090"),
    *("127.0.0.1:9090", "[::1]:9090", "[::ffff:127.0.0.1]:9090", "127.1:9090", "localhost:9090"),
]


@pytest.mark.parametrize("address", HERE)
def test_an_address_that_leads_to_the_controller_is_not_the_nodes(address: str) -> None:
    host_of = type(loaded()).parse.__globals__["host_of"]
    assert host_of(address) is None
    assert (host_of(address, loopback=True) is None) == (address in HERE[:5])


def test_a_node_without_a_usable_address_keeps_its_name_with_a_warning(
    orchestrator: Orchestrator,
) -> None:
    answers = [(200, page(node(1, address="[::]:9090"), node(2, address="127.0.0.1:9090")))]
    orchestrator.answers = list(answers)
    done = orchestrator.run("--list", "-i", orchestrator.source())
    found = json.loads(done.stdout)["_meta"]["hostvars"]
    assert "ansible_host" not in found["node-1"]
    assert found["node-2"]["ansible_host"] == "127.0.0.1"
    said = " ".join(done.stderr.split())
    assert "node-1 reports the address '[::]:9090', which does not lead to it from here" in said
    assert "node-2 reports" not in said
    composed = orchestrator.source(compose={"ansible_host": "inventory_hostname"})
    assert "reports the address" not in orchestrator.run("--list", "-i", composed).stderr


def test_what_a_node_says_is_no_template(orchestrator: Orchestrator) -> None:
    orchestrator.answers = [(200, page(node(version="{{ 1 + 1 }}")))]
    found = orchestrator.read(compose={"said": "secbeat.version"})
    assert variables(found)["said"] == "{{ 1 + 1 }}"


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (401, {"detail": "the key is unknown"}, "answers 401: the key is unknown; the key is"),
        (403, {"detail": "role node"}, "answers 403: role node; the key's role may not read"),
        (503, b"<html>", "answers 503: no word on why"),
        (302, b"", "answers 302"),
        (200, b"<html>", "answers, but not as an orchestrator does"),
        (200, {"nodes": [{"id": "--all"}], "next_cursor": None}, "not as an orchestrator does"),
    ],
)
def test_what_is_no_fleet_is_an_error(
    orchestrator: Orchestrator, status: int, body: Any, said: str
) -> None:
    orchestrator.answers = [(status, body)]
    error = orchestrator.refuses()
    assert error.startswith(f"the orchestrator {orchestrator.url} ")
    assert said in error
    assert len(orchestrator.queries) == 1


def test_pages_without_an_end_are_an_error(
    orchestrator: Orchestrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(type(loaded()).parse.__globals__, "PAGES_MAX", 3)
    orchestrator.answers = [(200, page(cursor="node-1"))]
    assert "more than 3 pages" in orchestrator.refuses()
    assert len(orchestrator.queries) == 3


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"url": "http://127.0.0.1:0"}, "must be https://HOST:PORT"),
        ({"url": "http://fleet.example:3030"}, "is not encrypted"),
        ({"url": "fleet.example"}, "must be https://HOST:PORT"),
        ({"key_file": None}, "no API key"),
        ({"key_file": "none"}, "No such file"),
        ({"ca_file": "none"}, "No such file"),
        ({"timeout": 0}, "timeout: 0 is not 1 to 600 seconds"),
    ],
)
def test_an_option_that_can_t_work_is_told(
    orchestrator: Orchestrator,
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, Any],
    said: str,
) -> None:
    monkeypatch.delenv("ORCHESTRATOR_API_KEY", raising=False)
    assert said in orchestrator.refuses(**settings)
    assert orchestrator.queries == []


def test_a_certificate_of_the_authority_that_is_named_is_taken(encrypted: Orchestrator) -> None:
    assert "node-1" in encrypted.read(ca_file="ca.crt").hosts


def test_a_certificate_that_nobody_vouches_for_gets_no_key(encrypted: Orchestrator) -> None:
    assert "certificate verify failed" in encrypted.refuses()
    assert encrypted.keys == []


@pytest.mark.parametrize("compose", [{}, {"ansible_host": "inventory_hostname ~ '.mgmt.example'"}])
def test_an_address_is_a_plain_text_to_other_programs(
    orchestrator: Orchestrator, compose: dict[str, str]
) -> None:
    """testinfra reads ``ansible-inventory --list``, and takes no text that Ansible has marked."""
    done = orchestrator.run("--list", "-i", orchestrator.source(compose=compose))
    found = json.loads(done.stdout)["_meta"]["hostvars"]["node-1"]
    assert found["ansible_host"] == ("node-1.mgmt.example" if compose else "10.0.0.1")


def test_an_address_that_could_be_a_template_is_none(orchestrator: Orchestrator) -> None:
    compose = {"ansible_host": "secbeat.version"}
    orchestrator.answers = [(200, page(node(version="{{ 6 * 7 }}")))]
    source = orchestrator.source(compose=compose)
    done = orchestrator.run("--list", "-i", source)
    found = json.loads(done.stdout)["_meta"]["hostvars"]["node-1"]
    assert found["ansible_host"] == {"__ansible_unsafe": "{{ 6 * 7 }}"}


def test_an_address_of_a_source_before_it_stays(orchestrator: Orchestrator) -> None:
    static = orchestrator.directory / "static.yml"
    static.write_text("nodes: {hosts: {node-1: {ansible_host: 192.0.2.1}}}")
    done = orchestrator.run("--host", "node-1", "-i", static, "-i", orchestrator.source())
    assert "192.0.2.1" in done.stdout
    assert "10.0.0.1" not in done.stdout.replace("10.0.0.1:9090", "")


def test_a_cache_spares_the_orchestrator(orchestrator: Orchestrator) -> None:
    directory = str(orchestrator.directory / "cache")
    kept = {"cache": True, "cache_plugin": "jsonfile", "cache_connection": directory}
    source = orchestrator.source(**kept)
    graphs = [orchestrator.run("--graph", "-i", source).stdout for _ in range(2)]
    assert "--node-1" in graphs[0]
    assert graphs[0] == graphs[1]
    assert len(orchestrator.queries) == 1


def test_a_fleet_that_can_t_be_read_is_no_empty_inventory(orchestrator: Orchestrator) -> None:
    """By the project's ansible.cfg; Ansible alone only warns."""
    orchestrator.answers = [(401, {"detail": "the key is unknown"})]
    done = orchestrator.run("--graph", "-i", orchestrator.source())
    assert done.returncode != 0
    assert "answers 401: the key is unknown" in done.stderr


def test_url_and_key_may_come_from_the_environment(orchestrator: Orchestrator) -> None:
    source = orchestrator.directory / "secbeat.yml"
    source.write_text("plugin: secbeat\n")
    environment = {"SECBEAT_ORCHESTRATOR": orchestrator.url, "ORCHESTRATOR_API_KEY": KEY}
    done = orchestrator.run("--graph", "-i", source, **environment)
    assert "--node-1" in done.stdout
    assert orchestrator.keys == [KEY]


def test_the_example_is_read_and_its_options_are_documented(tmp_path: Path) -> None:
    done = ansible("ansible-doc", "-t", "inventory", "-j", "secbeat", home=tmp_path)
    documented = json.loads(done.stdout)["secbeat"]
    options = documented["doc"]["options"]
    example = yaml.safe_load((TREE / "inventory" / "fleet.secbeat.yml").read_text())
    assert example.keys() <= options.keys()
    assert {"keyed_groups", "compose", "cache"} <= options.keys()
    assert "plugin: secbeat" in documented["examples"]

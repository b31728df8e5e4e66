"""``ansible-inventory`` shows the nodes that a real orchestrator knows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.documents.playbooks import ansible
from tests.support.servers.fleet_server import FleetServer

from .conftest import Nodes


@pytest.fixture
def source(server: FleetServer, nodes: Nodes, tmp_path: Path) -> Path:
    """For two nodes, with a key that may only read."""
    nodes.join("node-1", {"site": "fra", "role": "edge"}, mode="l7")
    nodes.join("node-2", {"site": "fra"}, mode="tcp")
    assert server.request("POST", "/nodes/node-2/drain")[0] in {200, 202}
    made = server.request("POST", "/keys", {"name": "inventory", "role": "read"})[1]
    (tmp_path / "read.key").write_text(made["key"])
    url = f"http://127.0.0.1:{server.port}"
    file = tmp_path / "fleet.secbeat.yml"
    file.write_text(yaml.safe_dump({"plugin": "secbeat", "url": url, "key_file": "read.key"}))
    return file


def test_the_graph_has_groups_by_mode_status_and_label(source: Path, tmp_path: Path) -> None:
    done = ansible("ansible-inventory", "-i", source, "--graph", home=tmp_path)
    assert done.returncode == 0, done.stderr
    groups: dict[str, set[str]] = {}
    for line in done.stdout.splitlines():
        _, _, name = line.partition("--")
        if name.startswith("@"):
            hosts = groups.setdefault(name, set())
        elif name:
            hosts.add(name)
    assert groups == {
        "@ungrouped:": set(),
        "@nodes:": {"node-1", "node-2"},
        "@mode_l7:": {"node-1"},
        "@mode_tcp:": {"node-2"},
        "@status_healthy:": {"node-1"},
        "@status_draining:": {"node-2"},
        "@label_site_fra:": {"node-1", "node-2"},
        "@label_role_edge:": {"node-1"},
    }


def test_the_list_has_what_the_api_says_of_a_node(
    server: FleetServer, source: Path, tmp_path: Path
) -> None:
    done = ansible("ansible-inventory", "-i", source, "--list", home=tmp_path)
    assert done.returncode == 0, done.stderr
    listed = json.loads(done.stdout)["_meta"]["hostvars"]["node-1"]
    variables = _plain(listed)
    said = server.request("GET", "/nodes/node-1")[1]
    assert listed["ansible_host"] == said["address"].partition(":")[0]
    assert variables["secbeat"].keys() == said.keys() - {"stats"}
    assert variables["secbeat"]["labels"] == {"site": "fra", "role": "edge"}
    assert "packets_processed" not in done.stdout


def _plain(value: Any) -> Any:
    """What a text is that Ansible marks as not its own."""
    if not isinstance(value, dict):
        return value
    if value.keys() == {"__ansible_unsafe"}:
        return value["__ansible_unsafe"]
    return {name: _plain(one) for name, one in value.items()}

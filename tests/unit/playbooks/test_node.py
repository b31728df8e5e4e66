"""The role ``node`` writes the inventory's part into whatever ``secbeat.toml`` the host has."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.documents.playbooks import TREE, ansible, recap

SECRET = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"  # noqa: S105 - nobody's
MINIMAL = """
[ports.outside]
device = "net_af_packet0,iface=outside"

[ports.inside]
device = "net_af_packet1,iface=inside"

[node]
"""
PLAY = """
- name: The configuration
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Write it
      ansible.builtin.import_role: {name: node, tasks_from: configuration.yml}
"""

WANTED = """
- name: What the role would write
  hosts: localhost
  gather_facts: false
  vars_files: [{role}/vars/main.yml]
  tasks:
    - name: Write it
      ansible.builtin.copy:
        content: "{{{{ secbeat_node_own_wanted }}}}"
        dest: "{folder}/{{{{ secbeat_case }}}}"
        mode: "0600"
      loop: "{{{{ secbeat_files | dict2items }}}}"
      loop_control: {{loop_var: secbeat_item}}
      vars:
        secbeat_case: "{{{{ secbeat_item.key }}}}"
        secbeat_node_own_current: "{{{{ secbeat_item.value }}}}"
"""


def written(home: Path, files: dict[str, str], **variables: str) -> dict[str, str]:
    """What becomes of each file that a host has."""
    play = home / "play.yml"
    play.write_text(WANTED.format(role=TREE / "playbooks" / "roles" / "node", folder=home))
    done = ansible(
        "ansible-playbook",
        *("-i", "localhost,", "-e", "ansible_connection=local"),
        *("-e", json.dumps(variables | {"secbeat_files": files}), play),
        home=home,
        ANSIBLE_FILTER_PLUGINS=str(TREE / "playbooks" / "roles" / "node" / "filter_plugins"),
    )
    assert done.returncode == 0, done.stdout
    return {name: (home / name).read_text() for name in files}


def test_the_name_is_in_the_file_once_and_the_rest_is_as_it_was(tmp_path: Path) -> None:
    before = {
        "without": "[api]\nsocket = '/run/x'\n",
        "nameless": "[node]  # ours\nmode = 'tcp'\n\n[[routes]]\nname = 'kept'\n",
        "named": "[api]\nname = 'kept'\n\n[node]\nmode = 'tcp'\nname = 'other'\n[log]\na = 1\n",
        "empty": "\n",
        "indented": "  [node]  # ours\n  name = 'other'  # of the site\n  mode = 'tcp'\n",
        "blanks": "[ node ]\nname\t= 'other'\n",
        "quoted": "['node']\n\"name\" = 'other'\n[policy]\nname = 'kept'\n",
        "dotted": "node.name = 'other'\nnode.mode = 'tcp'\n[log]\na = 1\n",
        "dotted, nameless": "# ours\nnode.mode = 'tcp'\n[log]\na = 1\n",
        "only a subsection": "[node.more]\nname = 'kept'\n",
        "in an array": "[node]\nwords = [\n  'a',\n]\nname = 'other'\n",
        "in a text": "[log]\na = '''\n[node]\nname = 1\n'''\n[node]\nname = 'other'\n",
    }
    after = written(tmp_path, before, secbeat_node_name="node-1")
    for case, text in before.items():
        wanted = tomllib.loads(text)
        wanted.setdefault("node", {})["name"] = "node-1"
        assert tomllib.loads(after[case]) == wanted
    assert written(tmp_path, after, secbeat_node_name="node-1") == after


def test_without_a_name_the_file_stays(tmp_path: Path) -> None:
    files = {"named": "[node]\nname = 'other'\n", "nameless": "[node]\n"}
    assert written(tmp_path, files) == files


@dataclass(frozen=True)
class Host:
    """A host in a folder, to which the role writes its configuration."""

    folder: Path

    @property
    def file(self) -> Path:
        return self.folder / "etc" / "secbeat.toml"

    def configure(self, *options: str, **variables: Any) -> subprocess.CompletedProcess[str]:
        return ansible(
            "ansible-playbook",
            *("-i", "localhost,", "-e", "ansible_connection=local", "--diff", *options),
            *("-e", json.dumps(variables | {"secbeat_node_live": False})),
            *("-e", f"secbeat_node_environment={self.folder / 'environment'}"),
            self.folder / "play.yml",
            home=self.folder,
            PYTHONPATH=str(TREE),
            PWD=str(self.folder),
        )


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """The role as it is, but with the folder in place of ``/etc/secbeat``, and without root."""
    made = Host(tmp_path)
    role = tmp_path / "roles" / "node"
    shutil.copytree(TREE / "playbooks" / "roles" / "node", role)
    for file in (role / "tasks" / "configuration.yml", role / "vars" / "main.yml"):
        text = re.sub(r"    (owner|group): root\n", "", file.read_text())
        file.write_text(text.replace("/etc/secbeat/", f"{made.file.parent}/"))
    python = tmp_path / "environment" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    made.file.parent.mkdir()
    made.file.write_text(MINIMAL)
    (tmp_path / "play.yml").write_text(PLAY)
    return made


def test_a_name_alone_is_written_and_the_rest_stays(host: Host) -> None:
    url = "https://fleet.example:3030"
    assert host.configure(secbeat_node_fleet_url=url).returncode == 0
    joined = tomllib.loads(host.file.read_text())
    done = host.configure(secbeat_node_name="node-1")
    assert done.returncode == 0, done.stdout
    joined["node"]["name"] = "node-1"
    assert tomllib.loads(host.file.read_text()) == joined
    assert "Restart the packet path" in done.stdout
    again = host.configure(secbeat_node_name="node-1")
    assert recap(again.stdout)["localhost"]["changed"] == 0, again.stdout
    other = host.configure(secbeat_node_fleet_url=f"{url}1", secbeat_node_name="node-1")
    assert "Restart the agent" in other.stdout
    assert "Restart the packet path" not in other.stdout


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("node = { name = 'other' }\n", "can't write secbeat_node_name into this file"),
        ("[node]\nname = 'a'\nname = 'b'\n", "is not TOML: Cannot overwrite a value"),
    ],
)
def test_a_name_that_can_t_be_written_is_told_before_a_change(
    host: Host, text: str, said: str
) -> None:
    host.file.write_text(text)
    (host.folder / "ca.crt").write_text("x")
    done = host.configure(
        secbeat_node_name="node-1", secbeat_node_fleet_ca=str(host.folder / "ca.crt")
    )
    assert done.returncode != 0
    assert f"{host.file} on localhost" in done.stdout
    assert said in done.stdout
    assert host.file.read_text() == text
    assert not (host.file.parent / "fleet-ca.crt").exists()


def test_a_fleet_that_is_not_the_inventorys_is_told(host: Host) -> None:
    before = (
        MINIMAL + "[fleet]\nurl = 'https://fleet.example:3030'\n\n[fleet.labels]\nsite = 'fra'\n"
    )
    host.file.write_text(before)
    done = host.configure(secbeat_node_fleet_url="https://fleet.example:3030")
    assert done.returncode != 0
    assert f"{host.file} on localhost has a section [fleet], and the inventory sets" in done.stdout
    assert host.file.read_text() == before
    assert host.configure(secbeat_node_name="node-1").returncode == 0
    host.file.write_text(f"fleet.url = 'https://fleet.example:3030'\n{MINIMAL}")
    done = host.configure(secbeat_node_fleet_url="https://fleet.example:3030")
    assert f"{host.file} on localhost has a section [fleet], and the inventory sets" in done.stdout


def test_relative_paths_begin_where_the_playbook_runs(host: Host) -> None:
    (host.folder / "given.toml").write_text(MINIMAL)
    (host.folder / "ca.crt").write_text("of the fleet")
    done = host.configure(
        secbeat_node_configuration="given.toml",
        secbeat_node_fleet_url="https://fleet.example:3030",
        secbeat_node_fleet_ca="ca.crt",
    )
    assert done.returncode == 0, done.stdout
    assert "[fleet]" in host.file.read_text()
    assert (host.file.parent / "fleet-ca.crt").read_text() == "of the fleet"


@pytest.mark.parametrize("given", [True, False])
def test_a_secret_is_refused_and_not_shown(host: Host, given: bool, tmp_path: Path) -> None:
    file = tmp_path / "given.toml" if given else host.file
    file.write_text(f"[webhooks]\nsecret = '{SECRET}'\n")
    variables = {"secbeat_node_configuration": str(file)} if given else {"secbeat_node_name": "n"}
    done = host.configure("-vv", **variables)
    assert done.returncode != 0
    assert "contains webhooks.secret (credential secbeat.webhooks-secret)" in done.stdout
    assert str(file) in done.stdout
    if given:
        assert SECRET not in done.stdout + done.stderr


def test_a_replaced_file_is_not_shown(host: Host, tmp_path: Path) -> None:
    host.file.write_text(f"[webhooks]\nsecret = '{SECRET}'\n")
    (tmp_path / "given.toml").write_text(MINIMAL)
    done = host.configure(secbeat_node_configuration=str(tmp_path / "given.toml"))
    assert done.returncode == 0, done.stdout
    assert SECRET not in done.stdout + done.stderr
    assert SECRET not in host.file.read_text()


def test_labels_as_a_text_are_told(host: Host) -> None:
    variables = {"fleet_url": "https://fleet.example:3030", "fleet_labels": "site=fra"}
    done = host.configure(**{f"secbeat_node_{key}": value for key, value in variables.items()})
    assert done.returncode != 0
    assert "secbeat_node_fleet_labels is a text, not names with values" in done.stdout


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"[webhooks]\nsecret = '{SECRET}'", "secbeat.webhooks-secret"),
        (f"\n\ufeff[webhooks]\nsecret = '{SECRET}'", "secbeat.webhooks-secret"),
        (f"webhooks.secret = '{SECRET}'", "secbeat.webhooks-secret"),
        ("database = 'postgresql://u:hidden@db/x'", "secbeat.orchestrator-database-url"),
        ("database = 'postgresql://u@db/x?password=hidden'", "secbeat.orchestrator-database-url"),
        ("database = 'postgresql://u@db/x'\n[webhooks]\nenabled = false", ""),
        ("database = 'sqlite:////var/lib/x'", ""),
        (f"# secret = '{SECRET}'", ""),
        ("not TOML [", ""),
    ],
)
def test_secrets_are_found_and_not_printed(text: str, found: str) -> None:
    program = TREE / "playbooks" / "roles" / "node" / "files" / "secrets.py"
    done = subprocess.run(
        [sys.executable, program], input=text, capture_output=True, text=True, check=True
    )
    assert found in done.stdout
    assert bool(done.stdout.strip()) == bool(found)
    assert not [word for word in (SECRET, "hidden") if word in done.stdout + done.stderr]

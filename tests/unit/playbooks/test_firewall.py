"""The role ``firewall`` opens the ports of ssh, and never ends the connection that it came by."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.documents.playbooks import TREE, ansible, recap

PLAY = """
- name: The ports of ssh
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Open them
      ansible.builtin.import_role: {name: firewall, tasks_from: ssh.yml}
"""


def run(
    home: Path, port: int | None, *options: str, **variables: Any
) -> subprocess.CompletedProcess[str]:
    """The role as it is, but with a file of a folder, and without root.

    ``port``: of the host, to which ssh is connected; None: there is no ssh.
    """
    role = home / "roles" / "firewall"
    shutil.copytree(TREE / "playbooks" / "roles" / "firewall", role, dirs_exist_ok=True)
    tasks = role / "tasks" / "ssh.yml"
    tasks.write_text(re.sub(r"    (owner|group): root\n", "", tasks.read_text()))
    (home / "play.yml").write_text(PLAY)
    given = {f"secbeat_firewall_{name}": value for name, value in variables.items()}
    given |= {"secbeat_firewall_ssh_file": str(rules(home)), "secbeat_firewall_live": False}
    return ansible(
        "ansible-playbook",
        *("-i", "localhost,", "-e", "ansible_connection=local", "-e", json.dumps(given), *options),
        home / "play.yml",
        home=home,
        **({"SSH_CONNECTION": f"192.0.2.9 50000 192.0.2.1 {port}"} if port else {}),
    )


def rules(home: Path) -> Path:
    return home / "nftables.d" / "ssh.nft"


@pytest.mark.parametrize(
    ("port", "given", "opened"),
    [
        (None, None, None),
        (2222, None, "2222"),
        (22, [2222, 22, "2022"], "2022, 2222"),
    ],
)
def test_the_ports_of_ssh_are_open(
    tmp_path: Path, port: int | None, given: list[int | str] | None, opened: str | None
) -> None:
    variables = {} if given is None else {"ssh_ports": given}
    done = run(tmp_path, port, "-e", "ansible_port=22", **variables)
    assert done.returncode == 0, done.stdout + done.stderr
    if opened is None:
        assert not rules(tmp_path).exists()
        return
    rule = f"add rule inet secbeat input tcp dport {{ {opened} }} accept"
    assert rules(tmp_path).read_text().splitlines()[-1] == rule
    again = run(tmp_path, port, **variables)
    assert recap(again.stdout)["localhost"]["changed"] == 0
    assert run(tmp_path, 22, ssh_ports=[22]).returncode == 0
    assert not rules(tmp_path).exists()


def test_without_ssh_the_port_is_that_of_the_inventory(tmp_path: Path) -> None:
    assert run(tmp_path, None, "-e", "ansible_port=2222").returncode == 0
    assert "{ 2222 }" in rules(tmp_path).read_text()


def test_rules_that_would_end_the_connection_are_refused(tmp_path: Path) -> None:
    for options in ((), ("--check",)):
        done = run(tmp_path, 2222, *options, ssh_ports=[2022])
        assert done.returncode != 0
        assert "is [2022], and Ansible is connected to port 2222 of localhost: add" in done.stdout
    assert not rules(tmp_path).exists()


@pytest.mark.parametrize("ports", ["2222", [70000], ["ssh"]])
def test_what_is_no_list_of_ports_is_told(tmp_path: Path, ports: Any) -> None:
    done = run(tmp_path, 22, ssh_ports=ports)
    assert done.returncode != 0
    assert "secbeat_firewall_ssh_ports" in done.stdout + done.stderr
    assert not rules(tmp_path).exists()


def test_a_host_can_keep_its_own_firewall() -> None:
    plays = yaml.safe_load((TREE / "playbooks" / "site.yml").read_text())
    used = [role for play in plays for role in play["roles"] if role["role"] == "firewall"]
    assert [role["when"] for role in used] == ["secbeat_firewall_managed | bool"] * 2

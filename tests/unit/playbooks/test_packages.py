"""The role ``packages`` in check mode, on hosts whose apt has lists and on hosts without."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.documents.playbooks import TREE, ansible

PLAY = """
- name: The packages
  hosts: localhost
  gather_facts: false
  roles: [packages]
"""
UNLISTED = """E: Unable to locate package haproxy
E: Package 'chrony' has no installation candidate"""
LOCKED = "E: Could not get lock /var/lib/dpkg/lock-frontend"


def check(home: Path, error: str) -> subprocess.CompletedProcess[str]:
    """A run with ``--check`` on a host whose apt fails with the error; it lacks two packages."""
    for name, script in {
        "dpkg-query": "echo installed nftables",
        "apt-get": f'cat >&2 <<"END"\n{error}\nEND\nexit {100 if error else 0}',
    }.items():
        program = home / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
    (home / "packages.txt").write_text("chrony\nhaproxy\nnftables\n")
    (home / "roles").symlink_to(TREE / "playbooks" / "roles")
    (home / "play.yml").write_text(PLAY)
    variables = {
        "secbeat_packages_list": str(home / "packages.txt"),
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
    }
    return ansible(
        "ansible-playbook",
        *("-i", "localhost,", "-e", json.dumps(variables), "--check", home / "play.yml"),
        home=home,
        PATH=f"{home}:/usr/bin:/bin",
    )


def test_packages_that_the_lists_do_not_name_are_told(tmp_path: Path) -> None:
    done = check(tmp_path, UNLISTED)
    assert done.returncode == 0, done.stdout
    assert "would be installed: chrony, haproxy; their versions are not known" in done.stdout


@pytest.mark.parametrize("error", [LOCKED, f"{UNLISTED}\n{LOCKED}"])
def test_another_error_of_apt_ends_the_run(tmp_path: Path, error: str) -> None:
    assert check(tmp_path, error).returncode != 0


def test_a_host_with_lists_gets_apts_own_answer(tmp_path: Path) -> None:
    done = check(tmp_path, "")
    assert done.returncode == 0, done.stdout
    assert "versions are not known" not in done.stdout

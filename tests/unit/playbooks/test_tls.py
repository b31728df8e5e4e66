"""The role ``tls`` names a certificate that is missing, before systemd can't start HAProxy."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.documents.playbooks import TREE, ansible

PLAY = """
- name: The certificate
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Check the variables
      ansible.builtin.import_role: {name: tls, tasks_from: arguments.yml}
    - name: Copy it
      ansible.builtin.import_role: {name: tls, tasks_from: certificate.yml}
"""


def run(home: Path, **variables: Any) -> subprocess.CompletedProcess[str]:
    """The role as it is, but with a folder in place of ``/etc/secbeat``, and without root."""
    role = home / "roles" / "tls"
    shutil.copytree(TREE / "playbooks" / "roles" / "tls", role)
    tasks = role / "tasks" / "certificate.yml"
    text = re.sub(r"    (owner|group): root\n", "", tasks.read_text())
    tasks.write_text(re.sub(r"(dest|path): /etc/secbeat", rf"\1: {home}/etc", text))
    (home / "etc" / "tls").mkdir(parents=True, exist_ok=True)
    (home / "play.yml").write_text(PLAY)
    return ansible(
        "ansible-playbook",
        *("-i", "localhost,", "-e", "ansible_connection=local"),
        *("-e", json.dumps({f"secbeat_tls_{name}": value for name, value in variables.items()})),
        home / "play.yml",
        home=home,
    )


@pytest.mark.parametrize("of", ["node", "orchestrator"])
def test_a_host_without_a_certificate_is_told(tmp_path: Path, of: str) -> None:
    done = run(tmp_path, of=of)
    assert done.returncode != 0
    assert f"localhost has no certificate for the API of the {of}: set secbeat" in done.stdout


def test_a_certificate_on_the_host_is_enough(tmp_path: Path) -> None:
    (tmp_path / "etc" / "tls").mkdir(parents=True)
    for name in ("tls.crt", "tls.key"):
        (tmp_path / "etc" / "tls" / name).write_text("x")
    done = run(tmp_path, of="orchestrator")
    assert done.returncode == 0, done.stdout


def test_an_image_that_is_built_has_none(tmp_path: Path) -> None:
    done = run(tmp_path, live=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(("given", "missing"), [("certificate", "key"), ("key", "certificate")])
def test_a_certificate_needs_its_key(tmp_path: Path, given: str, missing: str) -> None:
    done = run(tmp_path, **{given: str(tmp_path / "file")})
    assert done.returncode != 0
    assert f"secbeat_tls_{missing} is not set for localhost" in done.stdout

"""The role ``tls`` names a certificate that is missing, before systemd can't start HAProxy."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from tests.support.certificates import Authority
from tests.support.documents.playbooks import TREE, ansible, recap

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


def run(home: Path, *options: str, **variables: Any) -> subprocess.CompletedProcess[str]:
    """The role as it is, but with a folder in place of ``/etc/secbeat``, and without root."""
    role = home / "roles" / "tls"
    shutil.copytree(TREE / "playbooks" / "roles" / "tls", role, dirs_exist_ok=True)
    tasks = role / "tasks" / "certificate.yml"
    tasks.write_text(re.sub(r"    (owner|group): root\n", "", tasks.read_text()))
    folder = home / "etc" / "tls"
    folder.mkdir(parents=True, exist_ok=True)
    (home / "play.yml").write_text(PLAY)
    return ansible(
        "ansible-playbook",
        *("-i", "localhost,", "-e", "ansible_connection=local"),
        *("-e", json.dumps({f"secbeat_tls_{name}": value for name, value in variables.items()})),
        *("-e", f"secbeat_tls_folder={folder}", "-vv", "--diff", *options),
        home / "play.yml",
        home=home,
        PWD=str(home),
    )


def held(home: Path) -> dict[str, tuple[str, int]]:
    """The files of the host, with their modes."""
    files = (home / "etc" / "tls").iterdir()
    return {file.name: (file.read_text(), file.stat().st_mode & 0o777) for file in files}


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


def test_a_pair_replaces_that_of_the_host(tmp_path: Path) -> None:
    certificate, key = Authority(tmp_path).issue("fleet.example")
    given = {"certificate": certificate.name, "key": str(key), "live": False}  # one is relative
    assert recap(run(tmp_path, "--check", **given).stdout)["localhost"]["changed"] == 1
    assert held(tmp_path) == {}
    done = run(tmp_path, **given)
    assert done.returncode == 0, done.stdout
    pair = {"tls.crt": (certificate.read_text(), 0o644), "tls.key": (key.read_text(), 0o600)}
    assert held(tmp_path) == pair
    assert key.read_text().splitlines()[1] not in done.stdout + done.stderr
    assert recap(run(tmp_path, **given).stdout)["localhost"]["changed"] == 0
    (tmp_path / "etc" / "tls" / "tls.key").chmod(0o644)
    assert run(tmp_path, **given).returncode == 0
    assert held(tmp_path) == pair


def test_a_pair_that_can_t_work_replaces_nothing(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.issue("fleet.example")
    other, other_key = authority.issue("other.example")
    expired, expired_key = authority.issue("expired.example", days=-1)
    chain, both, encrypted = (tmp_path / name for name in ("chain", "both", "encrypted"))
    chain.write_text(other.read_text() + certificate.read_text())
    both.write_text(certificate.read_text() + key.read_text())
    secret = load_pem_private_key(key.read_bytes(), None)
    cipher = BestAvailableEncryption(b"x")
    encrypted.write_bytes(secret.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, cipher))
    for given, said in {
        (certificate, other_key): "key: it is not the key of the certificate",
        (chain, key): "certificate: the certificate of the key must be the first in the chain",
        (both, key): "certificate: it contains a private key, and all users",
        (expired, expired_key): "certificate: it has expired on 20",
        (key, key): "certificate: it is no certificate in PEM",
        (certificate, certificate): "key: it is no private key in PEM",
        (certificate, encrypted): "key: it is encrypted, and HAProxy has no password",
    }.items():
        texts = json.dumps({"certificate": given[0].read_text(), "key": given[1].read_text()})
        program = TREE / "playbooks" / "roles" / "tls" / "files" / "pair.py"
        found = subprocess.run(
            [sys.executable, program], input=texts, capture_output=True, text=True, check=True
        )
        assert said in found.stdout
        assert key.read_text().splitlines()[1] not in found.stdout + found.stderr
    (tmp_path / "etc" / "tls").mkdir(parents=True)
    (tmp_path / "etc" / "tls" / "tls.key").write_text("present")
    for mode in ((), ("--check",)):
        done = run(tmp_path, *mode, certificate=str(certificate), key=str(other_key))
        assert done.returncode != 0
        assert f"({certificate}) with secbeat_tls_key ({other_key}): key: it is not" in done.stdout
        assert other_key.read_text().splitlines()[1] not in done.stdout + done.stderr
    assert [text for text, _ in held(tmp_path).values()] == ["present"]


@pytest.mark.parametrize("missing", ["certificate", "key"])
def test_a_file_that_does_not_exist_replaces_nothing(tmp_path: Path, missing: str) -> None:
    certificate, key = Authority(tmp_path).issue("fleet.example")
    given = {"certificate": str(certificate), "key": str(key)} | {missing: "/none"}
    done = run(tmp_path, **given)
    assert done.returncode != 0
    assert f"secbeat_tls_{missing} of localhost: there is no file /none" in done.stdout
    assert held(tmp_path) == {}


def test_a_new_unit_restarts_the_terminator() -> None:
    """The units of both terminators are files of the tree ``node``."""
    units = TREE / "appliance" / "rootfs" / "node" / "usr" / "lib" / "systemd" / "system"
    handler = yaml.safe_load((TREE / "playbooks/roles/tls/handlers/main.yml").read_text())[0]
    for unit in handler["ansible.builtin.command"]["argv"][2:]:
        assert (units / unit).exists()
    assert "secbeat files of node" in handler["listen"]

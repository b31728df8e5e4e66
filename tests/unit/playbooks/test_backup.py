"""The role ``backup``: how it calls ``secbeat backup``, and what stays if something fails."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from appliance.cli.app import COMMANDS
from appliance.cli.commands import backup
from tests.support.documents.playbooks import ansible, recap, unreachable

ROLE = Path(__file__).parents[3] / "playbooks" / "roles" / "backup"
VARIABLES = yaml.safe_load((ROLE / "vars" / "main.yml").read_text())
PACKED = VARIABLES["secbeat_backup_packed"]
SECBEAT = """#!/bin/sh
# secbeat HOST create|restore ARCHIVE...: fails on the host "broken", after its work.
[ "$2" = restore ] || echo "of $1" >"$3"
[ "$1" != broken ]
"""


def words(file: str) -> list[str]:
    """What follows ``secbeat backup`` in the task of a file, with the fleet's database left out."""
    tasks = yaml.safe_load((ROLE / "tasks" / file).read_text())
    calls = [str(task.get("ansible.builtin.command", {}).get("argv")) for task in tasks]
    call = next(each for each in calls if "secbeat_backup_command" in each)
    assert "secbeat_backup_options" in call
    found = re.search(r"\+ \[(.*?)\]", call)
    assert found is not None
    literal = [word.strip().strip("'") for word in found[1].split(",")]
    return [PACKED if word == "secbeat_backup_packed" else word for word in literal]


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("pack.yml", {"file": Path(PACKED), "force": True, "as_json": True}),
        ("unpack.yml", {"file": Path(PACKED), "yes": True, "as_json": True}),
    ],
)
def test_its_words_are_those_of_the_command(file: str, expected: dict[str, Any]) -> None:
    verb, *rest = words(file)
    commands: Any = get_command(backup.app)
    context = commands.commands[verb].make_context(verb, [*rest, "--without-database"])
    assert context.params.items() >= {**expected, "without_database": True}.items()


def test_it_runs_the_installed_command_with_the_credential_of_the_database() -> None:
    command = VARIABLES["secbeat_backup_command"]
    assert command[0] == "systemd-run"
    assert "--property=ImportCredential=secbeat.orchestrator-database-url" in command
    assert command[-2:] == ["/opt/secbeat/bin/secbeat", "backup"]
    assert "backup" in COMMANDS
    assert "--without-database" in VARIABLES["secbeat_backup_options"]


def play(
    home: Path, playbook: str, hosts: Iterable[str], serial: int = 1, folder: str | None = None
) -> subprocess.CompletedProcess[str]:
    """A playbook with the role as it is, but without root, and with an archive for each host."""
    if not (home / "roles").exists():
        shutil.copytree(ROLE, home / "roles" / "backup")
        copies = home / "roles" / "backup" / "tasks" / "unpack.yml"
        copies.write_text(re.sub(r"    (owner|group): root\n", "", copies.read_text()))
        (home / "secbeat").write_text(SECBEAT)
        (home / "secbeat").chmod(0o755)
    shutil.copy(ROLE.parents[1] / playbook, home)
    (home / "hosts").write_text("[nodes]\n" + "\n".join(hosts))
    variables = {
        "secbeat_backup_command": [str(home / "secbeat"), "{{ inventory_hostname }}"],
        "secbeat_backup_packed": f"{home}/packed-{{{{ inventory_hostname }}}}",
        "secbeat_backup_folder": folder or str(home / "kept"),
        "secbeat_serial": serial,
        "ansible_become": False,
        "ansible_python_interpreter": sys.executable,
    }
    return ansible(
        "ansible-playbook",
        *("-i", home / "hosts", "-e", json.dumps(variables), home / playbook),
        home=home,
        ANSIBLE_NOCOWS="1",
        PWD=str(home / "here"),
        SUDO_UID=str(os.getuid()),
        SUDO_GID=str(os.getgid()),
    )


LOCAL = "ansible_connection=local"


def test_a_backup_is_on_the_controller_alone_and_comes_back(tmp_path: Path) -> None:
    for _ in range(2):  # a second one replaces the first
        done = play(tmp_path, "backup.yml", [f"a {LOCAL}"])
        assert done.returncode == 0, done.stdout
        kept = {file.name: file.stat().st_mode & 0o777 for file in (tmp_path / "kept").iterdir()}
        assert kept == {"a.tar.gz": 0o600, "a.tar.gz.sha256": 0o600}
        assert list(tmp_path.glob("packed-*")) == []
    done = play(tmp_path, "restore.yml", [f"a {LOCAL}"])
    assert done.returncode == 0, done.stdout
    assert list(tmp_path.glob("packed-*")) == []


def test_a_relative_folder_begins_where_the_playbook_runs(tmp_path: Path) -> None:
    for playbook in ("backup.yml", "restore.yml"):
        done = play(tmp_path, playbook, [f"a {LOCAL}"], folder="kept/of-today")
        assert done.returncode == 0, done.stdout
    names = {file.name for file in (tmp_path / "here" / "kept" / "of-today").iterdir()}
    assert names == {"a.tar.gz", "a.tar.gz.sha256"}


@pytest.mark.parametrize("fault", ["pack", "fetch"])
def test_after_a_failure_no_secret_stays_and_the_run_ends(tmp_path: Path, fault: str) -> None:
    host = {"pack": "broken", "fetch": "b"}[fault]
    kept = tmp_path / "kept"
    kept.mkdir(mode=0o700)
    (kept / f"{host}.tar.gz").write_text("previous")
    if fault == "fetch":
        (kept / f"{host}.tar.gz.new").mkdir()
    done = play(tmp_path, "backup.yml", [f"{name} {LOCAL}" for name in (host, "other", "later")], 2)
    assert done.returncode != 0
    assert f"{host} has no new backup; this task failed: " in done.stdout, done.stdout
    assert list(tmp_path.glob("packed-*")) == []
    assert (kept / f"{host}.tar.gz").read_text() == "previous"
    assert recap(done.stdout)[host]["failed"] == 1
    assert "later" not in recap(done.stdout)


def test_no_batch_begins_after_an_unreachable_host(tmp_path: Path) -> None:
    away = unreachable("a", tmp_path)
    done = play(tmp_path, "backup.yml", [away, *(f"{name} {LOCAL}" for name in "bcd")], 2)
    assert done.returncode != 0
    assert "not begun on c, because an earlier host was unreachable: a" in done.stdout, done.stdout
    names = {file.name for file in (tmp_path / "kept").iterdir()}
    assert names == {"b.tar.gz", "b.tar.gz.sha256"}


@pytest.mark.parametrize("playbook", ["site.yml", "register.yml", "backup.yml"])
def test_every_play_in_batches_stops_after_an_unreachable_host(playbook: str) -> None:
    plays = yaml.safe_load((ROLE.parents[1] / playbook).read_text())
    first = [each["pre_tasks"][0]["name"] for each in plays if each["serial"] != 1]
    assert set(first) == {"Stop after a batch with a host that was unreachable"}


def test_after_a_restore_that_fails_no_secret_stays(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "broken.tar.gz").write_text("x")
    digest = hashlib.sha256(b"x").hexdigest()
    (kept / "broken.tar.gz.sha256").write_text(f"{digest}  broken.tar.gz\n")
    done = play(tmp_path, "restore.yml", [f"broken {LOCAL}"])
    assert done.returncode != 0
    assert "broken is not restored; this task failed: Restore" in done.stdout, done.stdout
    assert not (tmp_path / "packed-broken").exists()


def replace(archive: Path, digest: str) -> int:
    command: list[str | Path] = ["sh", ROLE / "files" / "replace.sh", archive, digest]
    return subprocess.run(command, check=False).returncode


def test_a_copy_that_is_not_whole_replaces_nothing(tmp_path: Path) -> None:
    archive, digest = tmp_path / "a.tar.gz", hashlib.sha256(b"new").hexdigest()
    new = archive.with_name("a.tar.gz.new")
    archive.write_text("previous")
    new.write_text("ne")
    assert replace(archive, digest) != 0
    assert (archive.read_text(), new.exists()) == ("previous", True)
    new.write_text("new")
    assert replace(archive, digest) == 0
    assert {file.name for file in tmp_path.iterdir()} == {"a.tar.gz", "a.tar.gz.sha256"}
    check = ["sha256sum", "--check", "--strict", "a.tar.gz.sha256"]
    assert subprocess.run(check, cwd=tmp_path, check=False).returncode == 0

"""``rollout.yml``: what is kept comes back, and a batch that fails is the last one."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from api.storage.sqlite.upgrade import back_up, current
from tests.support.documents.playbooks import unreachable

PLAYBOOKS = Path(__file__).parents[3] / "playbooks"
FILES = PLAYBOOKS / "roles" / "rollout" / "files"

FAKE_TASKS = """
- name: Upgrade
  ansible.builtin.command: {argv: ["{{ 'false' if inventory_hostname == broken else 'true' }}"]}
  changed_when: true
"""
FAKE_ROLLBACK = """
- name: Begin
  ansible.builtin.command: {argv: ["{{ 'false' if inventory_hostname == stuck else 'true' }}"]}
  changed_when: true
- name: Back
  ansible.builtin.debug: {msg: "back {{ inventory_hostname }}"}
"""


def shell(script: str, *arguments: Path, stdin: str = "") -> None:
    subprocess.run(["sh", FILES / script, *arguments], input=stdin, text=True, check=True)


def contents(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Mode and content of every file."""
    return {
        str(file.relative_to(folder)): (file.stat().st_mode, file.read_bytes())
        for file in folder.rglob("*")
        if file.is_file()
    }


def test_what_was_kept_comes_back_whatever_happened_meanwhile(tmp_path: Path) -> None:
    host, kept = tmp_path / "host", tmp_path / "kept"
    environment = host / "opt" / "release"
    (environment / "bin").mkdir(parents=True)
    (environment / "bin" / "run").write_text("old")
    (environment / "bin" / "run").chmod(0o755)
    (environment / "stamp").write_text("old")
    paths = [host / name for name in ("changed", "removed", "new")]
    for path in paths[:2]:
        path.write_text("old")
    before = contents(host)

    shell("keep.sh", environment, kept, tmp_path, stdin="\n".join(map(str, paths)))
    for _ in range(2):  # it may be put back twice
        shutil.rmtree(environment)
        environment.mkdir()
        (environment / "stamp").write_text("new")
        paths[0].write_text("new")
        paths[1].unlink(missing_ok=True)
        paths[2].write_text("new")
        shell("restore.sh", environment, kept)
        assert contents(host) == before
    assert kept.stat().st_mode & 0o777 == 0o700


def test_keeping_again_forgets_what_was_kept_before(tmp_path: Path) -> None:
    environment, kept, path = tmp_path / "release", tmp_path / "kept", tmp_path / "file"
    environment.mkdir()
    for text in ("first", "second"):
        (environment / f"release-{text}").write_text("")
        path.write_text(text)
        shell("keep.sh", environment, kept, tmp_path, stdin=str(path))
    path.write_text("third")
    shell("restore.sh", environment, kept)
    assert path.read_text() == "second"
    assert {file.name for file in environment.iterdir()} == {"release-first", "release-second"}


def test_a_host_without_a_release_keeps_what_it_kept(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    with pytest.raises(subprocess.CalledProcessError):
        shell("keep.sh", tmp_path / "nothing", kept, tmp_path)
    assert kept.exists()


@dataclass(frozen=True)
class Node:
    """A node's state, the kept release, and the calls of ``systemctl``."""

    folder: Path

    @property
    def database(self) -> Path:
        return self.folder / "state" / "api" / "node.db"

    @property
    def kept(self) -> Path:
        return self.folder / "kept"

    @property
    def calls(self) -> list[str]:
        return (self.folder / "calls").read_text().splitlines()

    def restore(self) -> None:
        subprocess.run(
            ["sh", FILES / "databases.sh", self.folder / "state", self.kept],
            env={"PATH": f"{self.folder}:/usr/bin:/bin"},
            check=True,
        )


@pytest.fixture
def node(tmp_path: Path) -> Node:
    """A node that has upgraded its database once, before this rollout begins."""
    made = Node(tmp_path)
    made.database.parent.mkdir(parents=True)
    to_schema(made.database, "0001")
    back_up(made.database, "0001")
    to_schema(made.database, "0002")
    (tmp_path / "release").mkdir()
    systemctl = tmp_path / "systemctl"
    systemctl.write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/calls\n')
    systemctl.chmod(0o755)
    shell("keep.sh", tmp_path / "release", made.kept, tmp_path / "state")
    return made


def to_schema(database: Path, revision: str) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS alembic_version (version_num TEXT)")
        connection.execute("DELETE FROM alembic_version")
        connection.execute("INSERT INTO alembic_version VALUES (?)", (revision,))
        connection.commit()


def test_a_migrated_database_goes_back_and_stays_beside(node: Node) -> None:
    before = back_up(node.database, "0002").read_bytes()
    to_schema(node.database, "0003")
    back_up(node.database, "0003")  # of a migration that was interrupted, and begun again
    to_schema(node.database, "0004")
    log = node.database.with_name("node.db-wal")
    log.write_bytes(b"")
    node.database.with_name("node.db-shm").write_bytes(b"")
    for _ in range(2):  # it may be run again
        node.restore()
        names = {file.name for file in node.database.parent.iterdir()}
        aside = "node.db.rolled-back"
        assert names == {"node.db", "node.db.before-0001.0001", aside, f"{aside}-wal"}
        assert node.database.read_bytes() == before
        assert current(node.database) == "0002"
        assert log.exists() is False
    (node.database.parent / f"{aside}-wal").unlink()
    assert current(node.database.with_name(aside)) == "0004"
    assert set(node.calls) == {"stop secbeat-agent.service secbeat-api.service"}


def test_a_database_that_was_not_migrated_stays(node: Node) -> None:
    unfinished = node.database.with_name("node.db.before-0002.0002.tmp")
    unfinished.write_text("cut")
    before = contents(node.database.parent)
    node.restore()
    assert contents(node.database.parent) == before


def test_databases_that_can_t_go_back_leave_their_processes_running(node: Node) -> None:
    back_up(node.database, "0002")
    node.database.with_name("node.db.rolled-back").mkdir()
    with pytest.raises(subprocess.CalledProcessError):
        node.restore()
    assert node.calls[-1] == "start secbeat-agent.service secbeat-api.service"


def test_databases_go_back_before_the_previous_release_starts() -> None:
    tasks = yaml.safe_load((FILES.parent / "tasks" / "restore.yml").read_text())
    calls = [str(task.get("ansible.builtin.command")) for task in tasks]
    words = ("'restore.sh'", "'databases.sh'", "secbeat-api.service")
    order = [next(i for i, call in enumerate(calls) if word in call) for word in words]
    assert order == sorted(order)


def rollout(home: Path, hosts: str = "a\nb\nc\nd", **variables: str) -> tuple[int, str]:
    """Exit status and output of the playbook, two hosts at a time, with tasks that fail on demand:
    in the upgrade of ``broken`` and the rollback of ``stuck``."""
    tasks = home / "roles" / "rollout" / "tasks"
    tasks.mkdir(parents=True)
    (tasks / "main.yml").write_text(FAKE_TASKS)
    (tasks / "rollback.yml").write_text(FAKE_ROLLBACK)
    shutil.copy(PLAYBOOKS / "rollout.yml", home)
    (home / "hosts").write_text(f"[nodes]\n{hosts}\n[nodes:vars]\nansible_connection=local\n")
    given = {"broken": "none", "stuck": "none", "secbeat_serial": "2"} | variables
    given |= {"ansible_become": "false", "ansible_python_interpreter": sys.executable}
    done = subprocess.run(
        [
            Path(sys.executable).with_name("ansible-playbook"),
            *("-i", home / "hosts", home / "rollout.yml"),
            *(word for name, text in given.items() for word in ("-e", f"{name}={text}")),
        ],
        env={"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def named(pattern: str, text: str) -> set[str]:
    return set(re.findall(pattern, text, re.MULTILINE))


@pytest.mark.parametrize(
    ("broken", "failed", "reached"),
    [("none", set(), {"a", "b", "c", "d"}), ("b", {"a", "b"}, {"a", "b"})],
)
def test_a_batch_that_fails_goes_back_whole_and_is_the_last(
    broken: str, failed: set[str], reached: set[str], tmp_path: Path
) -> None:
    code, text = rollout(tmp_path, broken=broken)
    assert (code != 0) == bool(failed), text
    assert named(r'"msg": "back (\w)"', text) == failed
    assert ("the batch a, b failed and was rolled back;" in text) == bool(failed), text
    recap = text.partition("PLAY RECAP")[2]
    assert named(r"^(\w) +:", recap) == reached
    assert named(r"^(\w) .*failed=1", recap) == failed


def test_a_rollback_that_fails_does_not_stop_the_others(tmp_path: Path) -> None:
    code, text = rollout(tmp_path, broken="b", stuck="a")
    assert code != 0
    assert named(r'"msg": "back (\w)"', text) == {"b"}
    assert '"msg": "a: Begin"' in text
    assert "the batch a, b failed and was not rolled back completely: a;" in text, text
    recap = text.partition("PLAY RECAP")[2]
    assert named(r"^(\w) .*failed=1", recap) == named(r"^(\w) +:", recap) == {"a", "b"}


def test_an_unreachable_host_is_not_said_to_be_rolled_back(tmp_path: Path) -> None:
    code, text = rollout(tmp_path, hosts=f"{unreachable('a', tmp_path)}\nb\nc")
    assert code != 0
    assert named(r'"msg": "back (\w)"', text) == {"b"}
    assert "the batch a, b failed and was not rolled back completely: a;" in text, text
    assert named(r"^(\w) +:", text.partition("PLAY RECAP")[2]) == {"a", "b"}


SYSTEMCTL = """#!/bin/sh
echo "$@" >>"$0.calls"
case $1-$2 in
    cat-secbeat-orchestrator.service) ;;
    try-restart-secbeat-orchestrator.service) exit "$STATUS" ;;
    *) exit 5 ;;
esac
"""


@pytest.mark.parametrize("status", [0, 1])
def test_a_rollback_restarts_only_units_that_the_previous_release_has(
    tmp_path: Path, status: int
) -> None:
    tasks = yaml.safe_load((PLAYBOOKS / "roles" / "rollout" / "tasks" / "restore.yml").read_text())
    (task,) = [each for each in tasks if each["name"].startswith("Restart the terminators")]
    program = tmp_path / "systemctl"
    program.write_text(SYSTEMCTL)
    program.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "STATUS": str(status)}
    done = subprocess.run(task["ansible.builtin.command"]["argv"], env=environment, check=False)
    assert done.returncode == status
    calls = (tmp_path / "systemctl.calls").read_text().splitlines()
    assert [call for call in calls if call.startswith("try-restart")] == [
        "try-restart secbeat-orchestrator.service"
    ]


@pytest.mark.parametrize(
    ("path", "restarts"),
    [
        ("/usr/lib/systemd/system/secbeat-tls.service", True),
        ("/usr/lib/systemd/system/secbeat-orchestrator-tls.service", True),
        ("/usr/lib/systemd/system/secbeat-orchestrator.service", False),
    ],
)
def test_a_new_unit_restarts_the_terminator_and_nothing_else_does(
    path: str, restarts: bool
) -> None:
    role = PLAYBOOKS / "roles" / "rollout"
    (handler,) = yaml.safe_load((role / "handlers" / "main.yml").read_text())
    pattern = yaml.safe_load((role / "vars" / "main.yml").read_text())[
        "secbeat_rollout_terminators"
    ]
    assert "secbeat_rollout_terminators" in handler["when"]
    assert handler["listen"] == "secbeat files of node"
    tree = PLAYBOOKS.parent / "appliance" / "rootfs" / "node"
    assert (tree / path.lstrip("/")).exists()
    assert bool(re.match(pattern, path)) is restarts

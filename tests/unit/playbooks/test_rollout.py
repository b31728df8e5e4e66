"""``rollout.yml``: what is kept comes back, and a batch that fails is the last one."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

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


def contents(folder: Path) -> dict[str, tuple[int, str]]:
    """Mode and text of every file."""
    return {
        str(file.relative_to(folder)): (file.stat().st_mode, file.read_text())
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

    shell("keep.sh", environment, kept, stdin="\n".join(map(str, paths)))
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
        shell("keep.sh", environment, kept, stdin=str(path))
    path.write_text("third")
    shell("restore.sh", environment, kept)
    assert path.read_text() == "second"
    assert {file.name for file in environment.iterdir()} == {"release-first", "release-second"}


def test_a_host_without_a_release_keeps_what_it_kept(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    with pytest.raises(subprocess.CalledProcessError):
        shell("keep.sh", tmp_path / "nothing", kept)
    assert kept.exists()


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
    away = "a ansible_host=127.0.0.1 ansible_port=1 ansible_connection=ssh"
    code, text = rollout(tmp_path, hosts=f"{away}\nb\nc")
    assert code != 0
    assert named(r'"msg": "back (\w)"', text) == {"b"}
    assert "the batch a, b failed and was not rolled back completely: a;" in text, text
    assert named(r"^(\w) +:", text.partition("PLAY RECAP")[2]) == {"a", "b"}

"""A run that ends early keeps its restarts for the next run, and only these."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.documents.playbooks import TREE, ansible, recap

PLAYBOOKS = TREE / "playbooks"
ROLE = PLAYBOOKS / "roles" / "restarts"
PROGRAM = ROLE / "files" / "snapshot.py"
VARIABLES = yaml.safe_load((ROLE / "vars" / "main.yml").read_text())
WATCHED: dict[str, dict[str, Any]] = VARIABLES["secbeat_restarts_watched"]
SITE = {play["hosts"]: play for play in yaml.safe_load((PLAYBOOKS / "site.yml").read_text())}
PLAY = """
- name: A host with a process
  hosts: nodes
  gather_facts: false
  handlers:
    - name: Restart
      ansible.builtin.debug: {{msg: "restarted {{{{ inventory_hostname }}}}"}}
      listen: secbeat environment
  roles:
    - role: restarts
      vars: {{secbeat_restarts_of: nodes}}
  tasks:
    - name: Replace
      ansible.builtin.copy: {{content: "{{{{ release }}}}", dest: "{folder}/release", mode: "0600"}}
      notify: secbeat environment
    - name: Go on
      ansible.builtin.assert: {{that: works, quiet: true}}
  post_tasks:
    - name: Record that all changes are applied
      ansible.builtin.import_role: {{name: restarts, tasks_from: applied.yml}}
      vars: {{secbeat_restarts_of: nodes}}
"""


@dataclass(frozen=True)
class Host:
    """A host in a folder, with one file that a process uses."""

    folder: Path

    @property
    def file(self) -> Path:
        return self.folder / "release"

    def run(self, *options: str, release: str, works: bool = True) -> tuple[int, bool, int]:
        """Exit code of the run, whether the process is restarted, and the number of changes."""
        watched = {"nodes": {"secbeat environment": [str(self.file)]}}
        variables = {
            "release": release,
            "works": works,
            "secbeat_restarts_watched": watched,
            "secbeat_restarts_folder": str(self.folder / "run"),
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
        }
        done = ansible(
            "ansible-playbook",
            *("-i", self.folder / "hosts", "-e", json.dumps(variables), *options),
            self.folder / "playbooks" / "play.yml",
            home=self.folder,
        )
        changed = recap(done.stdout)["node"]["changed"]
        return done.returncode, '"msg": "restarted node"' in done.stdout, changed


@pytest.fixture
def host(tmp_path: Path) -> Host:
    made = Host(tmp_path)
    shutil.copytree(ROLE, tmp_path / "playbooks" / "roles" / "restarts")
    (tmp_path / "appliance" / "rootfs").mkdir(parents=True)
    (tmp_path / "playbooks" / "play.yml").write_text(PLAY.format(folder=tmp_path))
    (tmp_path / "hosts").write_text("[nodes]\nnode\n")
    made.file.write_text("1")
    made.file.chmod(0o600)
    return made


def test_a_run_after_one_that_failed_restarts_the_processes_once(host: Host) -> None:
    assert host.run(release="2", works=False) == (2, False, 1)
    assert host.run("--check", release="2") == (0, True, 1)
    assert host.run(release="2", works=False) == (2, False, 1)
    assert host.run(release="2") == (0, True, 1)
    assert host.run(release="2") == (0, False, 0)
    assert not list((host.folder / "run").iterdir())


def test_a_run_that_went_well_leaves_an_operators_change_alone(host: Host) -> None:
    assert host.run(release="2") == (0, True, 1)
    host.file.write_text("3")
    assert host.run(release="3") == (0, False, 0)


def test_a_failed_run_without_changes_leaves_no_restart(host: Host) -> None:
    assert host.run(release="1", works=False) == (2, False, 0)
    assert host.run(release="1") == (0, False, 0)


def snapshot(folder: Path, operation: str, topics: object) -> list[str]:
    """What the program prints for the group ``nodes``."""
    done = subprocess.run(
        [sys.executable, PROGRAM, folder / "run", operation, "nodes"],
        input=json.dumps(topics),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


def test_only_topics_with_a_changed_file_are_owed(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text("1")
    names = ("a", "b", "missing")
    snapshot(tmp_path, "remember", {name: [str(tmp_path / name)] for name in names})
    assert snapshot(tmp_path, "owed", names) == []
    for name in ("b", "missing"):
        (tmp_path / name).write_text("2")
    assert snapshot(tmp_path, "owed", names) == ["b", "missing"]
    assert snapshot(tmp_path, "owed", ["a", "b"]) == ["b"]
    snapshot(tmp_path, "remember", {name: [str(tmp_path / name)] for name in names})
    snapshot(tmp_path, "applied", ["b"])
    assert snapshot(tmp_path, "owed", names) == ["missing"]
    snapshot(tmp_path, "owe", ["a"])
    assert snapshot(tmp_path, "owed", names) == ["a", "missing"]
    assert (tmp_path / "run").stat().st_mode & 0o777 == 0o700
    snapshot(tmp_path, "applied", names)
    assert list((tmp_path / "run").iterdir()) == []


def test_another_release_is_owed(tmp_path: Path) -> None:
    (tmp_path / "release-1").touch()
    snapshot(tmp_path, "remember", {"a": [f"{tmp_path}/release-*"]})
    (tmp_path / "release-1").rename(tmp_path / "release-2")
    assert snapshot(tmp_path, "owed", ["a"]) == ["a"]


def test_the_inventorys_part_of_a_configuration_concerns_the_agent_alone(tmp_path: Path) -> None:
    node = yaml.safe_load((PLAYBOOKS / "roles" / "node" / "vars" / "main.yml").read_text())
    mark = VARIABLES["secbeat_restarts_fleet_mark"]
    assert node["secbeat_node_fleet_mark"].startswith(mark)
    file = tmp_path / "secbeat.toml"
    file.write_text("[node]\n")
    snapshot(tmp_path, "remember", {"own": [f"{file} until {mark}"], "fleet": [str(file)]})
    file.write_text(f"[node]\n\n{node['secbeat_node_fleet_mark']}\n[fleet]\n")
    assert snapshot(tmp_path, "owed", ["own", "fleet"]) == ["fleet"]
    file.write_text(f"[node]\na = 1\n\n{node['secbeat_node_fleet_mark']}\n[fleet]\n")
    assert snapshot(tmp_path, "owed", ["own", "fleet"]) == ["own", "fleet"]


def listened(group: str) -> set[str]:
    """The topics of all handlers of a play of ``site.yml``."""
    found: set[str] = set()
    for role in SITE[group]["roles"]:
        file = PLAYBOOKS / "roles" / role["role"] / "handlers" / "main.yml"
        for handler in yaml.safe_load(file.read_text()) if file.exists() else []:
            topics = handler["listen"]
            found |= {topics} if isinstance(topics, str) else {*topics}
    return found


FOREIGN = {
    "orchestrators": {"secbeat files of tls"},
    "nodes": {"secbeat files of tls-orchestrator", "secbeat files of orchestrator"},
    "appliances": set(),
}
"""Topics of handlers that no task of the play notifies."""


@pytest.mark.parametrize("group", SITE)
def test_every_topic_of_a_play_outlives_a_failure(group: str) -> None:
    assert WATCHED[group].keys() == listened(group) - FOREIGN[group]
    roles = SITE[group]["roles"]
    assert (roles[0]["role"], roles[0]["vars"]) == ("restarts", {"secbeat_restarts_of": group})
    last = SITE[group]["post_tasks"][-1]
    wanted = {"name": "restarts", "tasks_from": "applied.yml"}
    assert last["ansible.builtin.import_role"] == wanted
    assert last["vars"] == roles[0]["vars"]


def test_every_tree_is_watched() -> None:
    trees = {folder.name for folder in (TREE / "appliance" / "rootfs").iterdir()}
    assert VARIABLES["secbeat_restarts_tree"].keys() == trees


@pytest.mark.parametrize("both", [True, False])
def test_the_files_of_the_trees_are_remembered(tmp_path: Path, both: bool) -> None:
    """Also for a node on the host of an orchestrator: the first play replaces its release."""
    (tmp_path / "appliance").symlink_to(TREE / "appliance")
    (tmp_path / "playbooks").mkdir()
    (tmp_path / "playbooks" / "roles").symlink_to(PLAYBOOKS / "roles")
    role = {"role": "restarts", "vars": {"secbeat_restarts_of": "orchestrators"}}
    play = {"hosts": "orchestrators", "gather_facts": False, "roles": [role]}
    file = tmp_path / "playbooks" / "play.yml"
    file.write_text(yaml.safe_dump([play]))
    (tmp_path / "hosts").write_text(f"[orchestrators]\nhost\n[nodes]\n{'host' if both else ''}\n")
    variables = {
        "secbeat_restarts_folder": str(tmp_path / "run"),
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
    }
    done = ansible(
        "ansible-playbook",
        *("-i", tmp_path / "hosts", "-e", json.dumps(variables), file),
        home=tmp_path,
    )
    assert done.returncode == 0, done.stdout
    kept = {each.stem: json.loads(each.read_text()) for each in (tmp_path / "run").iterdir()}
    shared = {"secbeat files of node", "secbeat environment"}
    assert kept["orchestrators"].keys() == WATCHED["orchestrators"].keys()
    assert kept.get("nodes", {}).keys() == (shared if both else set())
    system = "/usr/lib/systemd/system"
    assert f"{system}/secbeat-api.service" in kept["orchestrators"]["secbeat files of node"]
    assert kept["orchestrators"]["secbeat files of firewall"].keys() >= {"/etc/nftables.conf"}


def test_a_rollback_owes_its_restarts_before_it_replaces_files() -> None:
    tasks = yaml.safe_load((PLAYBOOKS / "roles/rollout/tasks/restore.yml").read_text())
    files = [task.get("ansible.builtin.import_role", {}).get("tasks_from") for task in tasks]
    assert (files[0], files[-1]) == ("owe.yml", "applied.yml")


def test_an_upgrade_remembers_first_and_forgets_after_its_restarts() -> None:
    tasks = yaml.safe_load((PLAYBOOKS / "roles/rollout/tasks/upgrade.yml").read_text())
    kinds = [
        str(task.get("ansible.builtin.import_role") or task.get("ansible.builtin.meta"))
        for task in tasks
    ]
    assert kinds[0] == "{'name': 'restarts'}"
    assert kinds[-2:] == ["flush_handlers", "{'name': 'restarts', 'tasks_from': 'applied.yml'}"]

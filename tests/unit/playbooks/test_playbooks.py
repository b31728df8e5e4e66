"""Rules that every role keeps: full names, changes that are told, arguments that are described."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

TREE = Path(__file__).parents[3]
PLAYBOOKS = TREE / "playbooks"
ROLES = sorted(path for path in (PLAYBOOKS / "roles").iterdir())
BUILTIN = "ansible.builtin."
COMMANDS = {f"{BUILTIN}{name}" for name in ("command", "shell", "script")}
KEYWORDS = {
    *("name", "when", "vars", "loop", "register", "notify", "listen", "changed_when", "check_mode"),
    *("delegate_to", "become", "run_once", "diff", "environment"),
    *("no_log", "until", "retries", "delay", "failed_when", "loop_control"),
}


def load(file: Path) -> Any:
    return yaml.safe_load(file.read_text())


def tasks() -> list[Any]:
    return list(_tasks())


def _tasks() -> Iterator[Any]:
    for kind in ("tasks", "handlers"):
        for file in sorted((PLAYBOOKS / "roles").glob(f"*/{kind}/*.yml")):
            for task in _inside(load(file)):
                yield pytest.param(task, id=f"{file.relative_to(PLAYBOOKS)}: {task['name']}")


def _inside(listed: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The tasks of a list, and those in its blocks."""
    for task in listed:
        if "block" not in task:
            yield task
        for part in ("block", "rescue", "always"):
            yield from _inside(task.get(part, []))


@pytest.mark.parametrize("task", tasks())
def test_a_task_names_one_module_in_full_and_hides_no_failure(task: dict[str, Any]) -> None:
    modules = task.keys() - KEYWORDS
    assert [name for name in modules if not name.startswith(BUILTIN)] == []
    assert len(modules) == 1


@pytest.mark.parametrize("task", tasks())
def test_a_command_says_when_it_has_changed_something(task: dict[str, Any]) -> None:
    for module in COMMANDS & task.keys():
        assert "changed_when" in task or "creates" in task[module]


@pytest.mark.parametrize("task", tasks())
def test_a_command_that_check_mode_skips_is_not_waited_for(task: dict[str, Any]) -> None:
    """Its output would be empty; the two variables of the rollout are false in check mode."""
    if COMMANDS & task.keys() and "until" in task:
        guards = ("not ansible_check_mode", "secbeat_rollout_fleet", "secbeat_rollout_member")
        assert task.get("check_mode") is False or any(
            each in str(task.get("when")) for each in guards
        )


@pytest.mark.parametrize("file", sorted(PLAYBOOKS.rglob("*.yml")), ids=str)
def test_no_filter_of_sets_loses_the_order(file: Path) -> None:
    """ansible-core makes Python sets of them: units, packages and hosts would come in any order."""
    found = re.findall(
        r"\|\s*(difference|intersect|union|symmetric_difference)\b", file.read_text()
    )
    assert found == []


def conditional() -> set[str]:
    """Roles with a condition in a playbook or in another role, and the roles that they import."""
    plays = [play for file in PLAYBOOKS.glob("*.yml") for play in load(file)]
    found = {role["role"] for play in plays for role in play.get("roles", []) if "when" in role}
    imports: dict[str, set[str]] = {role.name: set() for role in ROLES}
    for role in ROLES:
        for file in role.glob("tasks/*.yml"):
            for task in _inside(load(file)):
                if name := task.get(f"{BUILTIN}import_role", {}).get("name"):
                    imports[role.name].add(name)
                    found |= {name} if "when" in task else set()
    while new := {name for role in found for name in imports[role]} - found:
        found |= new
    return found


def test_no_task_below_a_condition_runs_for_the_first_host_alone() -> None:
    """If the condition is false for that host, the task runs for none."""
    found = conditional()
    assert {"tls", "node", "orchestrator", "rootfs", "packages"} <= found
    for role in found:
        for file in (PLAYBOOKS / "roles" / role / "tasks").glob("*.yml"):
            assert [task["name"] for task in _inside(load(file)) if "run_once" in task] == []


@pytest.mark.parametrize("role", ROLES, ids=lambda path: path.name)
def test_the_main_tasks_are_a_flat_list_of_imports(role: Path) -> None:
    for task in load(role / "tasks" / "main.yml"):
        assert task.keys() == {"name", f"{BUILTIN}import_tasks"}


@pytest.mark.parametrize("role", ROLES, ids=lambda path: path.name)
def test_every_argument_is_described_and_bears_the_roles_name(role: Path) -> None:
    options = load(role / "meta" / "argument_specs.yml")["argument_specs"]["main"]["options"]
    assert [name for name in options if not name.startswith(f"secbeat_{role.name}_")] == []
    assert all("description" in option and "type" in option for option in options.values())
    defaults = role / "defaults" / "main.yml"
    if defaults.exists():
        internal = {"secbeat_rootfs_folder", "secbeat_rootfs_archive"}
        assert load(defaults).keys() - internal <= options.keys()


@pytest.mark.parametrize(
    ("playbook", "inventory"),
    [
        *((path.name, "example") for path in sorted(PLAYBOOKS.glob("*.yml"))),
        ("site.yml", "lab"),
        ("site.yml", "production.example"),
    ],
)
def test_ansible_reads_playbook_and_inventory(
    playbook: str, inventory: str, tmp_path: Path
) -> None:
    command = Path(sys.executable).with_name("ansible-playbook")
    done = subprocess.run(
        [
            command,
            "--syntax-check",
            "-i",
            TREE / "inventory" / f"{inventory}.yml",
            PLAYBOOKS / playbook,
        ],
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "LANG": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_rules_are_compiled_for_the_engine_before_the_packet_path_is_restarted() -> None:
    """Handlers run in the order of their file; both on the same occasions, but a reboot restarts
    the packet path by itself."""
    handlers = load(PLAYBOOKS / "roles/node/handlers/main.yml")
    module = f"{BUILTIN}systemd_service"
    rebuild = [task for task in handlers if "secbeat-rebuild" in str(task.get(module))]
    restart = [
        task
        for task in handlers
        if "secbeat-dataplane.service" in str(task.get(f"{BUILTIN}command"))
    ]
    assert (len(rebuild), len(restart)) == (1, 1)
    assert handlers.index(rebuild[0]) < handlers.index(restart[0])
    assert rebuild[0]["listen"] == restart[0]["listen"]
    reboot = " and not secbeat_host_rebooting | default(false)"
    assert restart[0]["when"] == rebuild[0]["when"] + reboot


@pytest.mark.parametrize("role", ROLES, ids=lambda path: path.name)
def test_a_role_says_what_it_is_for_and_names_only_variables_that_it_has(role: Path) -> None:
    text = (role / "README.md").read_text()
    assert text.startswith(f"# {role.name}\n")
    options = load(role / "meta" / "argument_specs.yml")["argument_specs"]["main"]["options"]
    kept = load(role / "vars" / "main.yml") if (role / "vars" / "main.yml").exists() else {}
    named = set(re.findall(rf"secbeat_{role.name}_[a-z_]+", text)) - {"secbeat_rootfs_laid"}
    assert named <= options.keys() | kept.keys()


def test_a_release_carries_what_jobs_run_and_nothing_else() -> None:
    """`scale.yml` and its role lie beside the environment of an orchestrator."""
    data = tomllib.loads((TREE / "pyproject.toml").read_text())["tool"]["setuptools"]["data-files"]
    carried = {
        (Path(folder).relative_to("share/secbeat"), file.relative_to(TREE))
        for folder, patterns in data.items()
        for pattern in patterns
        for file in TREE.glob(pattern)
    }
    assert all(target == source.parent for target, source in carried)
    role = {*(PLAYBOOKS / "roles/scale").rglob("*.yml")}
    assert {TREE / source for _, source in carried} == {PLAYBOOKS / "scale.yml", *role}

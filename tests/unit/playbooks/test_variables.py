"""``-e name=value`` gives texts: every use of a number or a truth value converts it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml
from jinja2 import nodes

from tests.support.documents.playbooks import TREE, ansible

PLAYBOOKS = TREE / "playbooks"
ROLES = PLAYBOOKS / "roles"
CONDITIONS = {"when", "until", "that", "changed_when", "failed_when"}
"""Keys whose values are expressions without braces."""
FILTERS = {"int": "int", "bool": "bool"}
JINJA = jinja2.Environment(autoescape=False)  # noqa: S701 - parses only
DOCUMENTED = re.compile(r"-e (secbeat_\w+)=(\S+)")


def typed() -> dict[str, str]:
    """The filter that each variable of a role needs, by its name."""
    found = {"secbeat_live": "bool"}
    for file in ROLES.glob("*/meta/argument_specs.yml"):
        for spec in yaml.safe_load(file.read_text())["argument_specs"].values():
            for name, option in spec["options"].items():
                if option["type"] in FILTERS:
                    found[name] = FILTERS[option["type"]]
    return found


def sources() -> list[Any]:
    files = [*PLAYBOOKS.glob("*.yml"), *ROLES.glob("*/*/*.yml"), *ROLES.glob("*/templates/*")]
    kept = sorted(file for file in files if file.parent.name != "meta")
    return [pytest.param(file, id=str(file.relative_to(PLAYBOOKS))) for file in kept]


def templates(data: Any, *, condition: bool = False) -> Iterator[str]:
    """Every text of a document that Ansible evaluates, as a template."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield from templates(value, condition=key in CONDITIONS)
    elif isinstance(data, list):
        for value in data:
            yield from templates(value, condition=condition)
    elif isinstance(data, str):
        yield "{{ " + data + " }}" if condition else data


def unconverted(template: str, wanted: dict[str, str]) -> list[str]:
    """The variables that the template uses as they are; ``default`` may come before the filter."""
    tree = JINJA.parse(template)
    converted = set()
    for each in tree.find_all(nodes.Filter):
        inner = each.node
        while isinstance(inner, nodes.Filter) and inner.name == "default":
            inner = inner.node
        if isinstance(inner, nodes.Name) and each.name == wanted.get(inner.name):
            converted.add(id(inner))
    return [
        each.name
        for each in tree.find_all(nodes.Name)
        if each.name in wanted and id(each) not in converted
    ]


@pytest.mark.filterwarnings("ignore:invalid escape sequence:DeprecationWarning")
@pytest.mark.parametrize("file", sources())
def test_every_use_of_a_number_or_truth_value_converts_it(file: Path) -> None:
    text = file.read_text()
    found = [text] if file.suffix == ".j2" else list(templates(yaml.safe_load(text)))
    wanted = typed()
    assert [name for each in found for name in unconverted(each, wanted)] == []


@pytest.mark.parametrize(
    ("template", "left"),
    [
        ("{{ secbeat_live | default(true) | bool and x }}", []),
        ("{{ secbeat_live | default(true) and x }}", ["secbeat_live"]),
        ("{{ secbeat_live | int }}", ["secbeat_live"]),
        ("{{ not secbeat_live }} {{ secbeat_live | bool }}", ["secbeat_live"]),
    ],
)
def test_a_use_without_its_filter_is_found(template: str, left: list[str]) -> None:
    assert unconverted(template, typed()) == left


def documented() -> dict[str, str]:
    """Variables of documented commands that are numbers or truth values, with their texts."""
    pages = "".join((TREE / "docs" / name).read_text() for name in ("operations.md", "deploy.md"))
    return {
        name: text.strip("`).,;") for name, text in DOCUMENTED.findall(pages) if name in typed()
    }


def handlers(role: str) -> dict[str, str]:
    return {
        task["name"]: task["when"]
        for task in yaml.safe_load((ROLES / role / "handlers" / "main.yml").read_text())
        if "when" in task
    }


def test_documented_commands_have_their_effect(tmp_path: Path) -> None:
    given = documented()
    assert given == {
        "secbeat_backup_database": "false",
        "secbeat_fleet_wait_seconds": "600",
        "secbeat_host_reboot": "true",
        "secbeat_node_restart_dataplane": "false",
        "secbeat_policy_dry_run": "true",
        "secbeat_rollout_drain_seconds": "900",
        "secbeat_scale_count": "2",
    }
    given |= {"secbeat_rollout_wait_seconds": "60", "secbeat_policy_wait_seconds": "60"}
    tasks = yaml.safe_load((ROLES / "rollout" / "tasks" / "drain.yml").read_text())
    (drain,) = [task for task in tasks if "retries" in task]
    values = {
        "backup": "{{ secbeat_backup_options }}",
        "fleet": "{{ secbeat_fleet_retries }}",
        "rollout": "{{ secbeat_rollout_retries }}",
        "drain": drain["retries"],
        "scale": "{{ secbeat_scale_which }}",
    }
    conditions = handlers("host") | handlers("node")
    used = ("backup", "fleet", "host", "node", "rollout", "scale")
    files = [ROLES / role / part / "main.yml" for role in used for part in ("defaults", "vars")]
    copy = {
        "content": "{{ secbeat_values | to_json }}",
        "dest": str(tmp_path / "values"),
        "mode": "0600",
    }
    play: dict[str, Any] = {
        "hosts": "localhost",
        "gather_facts": False,
        "vars_files": [str(file) for file in files if file.exists()],
        "vars": {"secbeat_scale_action": "scale_up"},
        "tasks": [
            {"ansible.builtin.copy": copy, "vars": {"secbeat_values": values}},
            *(
                {"ansible.builtin.debug": {"msg": f"runs {name}"}, "when": when}
                for name, when in conditions.items()
            ),
        ],
    }
    (tmp_path / "play.yml").write_text(yaml.safe_dump([play]))
    done = ansible(
        "ansible-playbook",
        *("-i", "localhost,", "-e", "ansible_connection=local"),
        *(word for name, text in given.items() for word in ("-e", f"{name}={text}")),
        tmp_path / "play.yml",
        home=tmp_path,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads((tmp_path / "values").read_text()) == {
        "backup": ["--without-database"],
        "fleet": 300,
        "rollout": 30,
        "drain": 450,
        "scale": ["2"],
    }
    ran = set(re.findall(r'"msg": "runs (.*)"', done.stdout))
    assert "Plan a reboot into the new kernel command line" in ran
    assert conditions.keys() - ran == {
        "Compile the rules for the installed engine",
        "Restart the packet path and the units that it needs",
    }


def test_a_text_is_no_list_of_nodes(tmp_path: Path) -> None:
    done = ansible(
        "ansible-playbook",
        *("-i", "localhost,", "-e", "ansible_connection=local", "-e", "ansible_become=false"),
        *("-e", "secbeat_scale_action=scale_down", "-e", "secbeat_scale_nodes=scale-1"),
        *("-e", "secbeat_scale_orchestrator=localhost", PLAYBOOKS / "scale.yml"),
        home=tmp_path,
    )
    assert done.returncode != 0
    assert 'a list: -e \'{"secbeat_scale_nodes": ["scale-1"]}' in done.stdout.replace('\\"', '"')


PATHS = {
    "secbeat_backup_folder": "secbeat_backup_place",
    "secbeat_node_configuration": "secbeat_node_own_path",
    "secbeat_node_fleet_ca": "secbeat_node_fleet_ca_path",
    "secbeat_orchestrator_configuration": "secbeat_orchestrator_own",
    "secbeat_orchestrator_provisioner": "secbeat_orchestrator_provision",
    "secbeat_policy_file": "secbeat_policy_path",
    "secbeat_tls_certificate": "secbeat_tls_paths.certificate",
    "secbeat_tls_key": "secbeat_tls_paths.key",
}
"""Variables with a path on the controller that may be relative, and the path that a role uses."""


def test_relative_paths_begin_where_the_playbook_runs(tmp_path: Path) -> None:
    roles = sorted({name.split("_")[1] for name in PATHS})
    copy = {"content": "{{ secbeat_paths | to_json }}", "dest": f"{tmp_path}/paths", "mode": "0600"}
    task = {
        "ansible.builtin.copy": copy,
        "vars": {"secbeat_paths": ["{{ %s }}" % used for used in PATHS.values()]},  # noqa: UP031
    }
    play: dict[str, Any] = {
        "hosts": "localhost",
        "gather_facts": False,
        "vars_files": [str(ROLES / role / "vars" / "main.yml") for role in roles],
        "tasks": [task],
    }
    (tmp_path / "play.yml").write_text(yaml.safe_dump([play]))
    for given, path in {"a/b": "/here/a/b", "/a/b": "/a/b", "~/a": f"{tmp_path}/a"}.items():
        done = ansible(
            "ansible-playbook",
            *("-i", "localhost,", "-e", "ansible_connection=local"),
            *("-e", json.dumps(dict.fromkeys(PATHS, given)), tmp_path / "play.yml"),
            home=tmp_path,
            PWD="/here",  # noqa: S106 - a folder
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert json.loads((tmp_path / "paths").read_text()) == [path] * len(PATHS)

"""The role ``backup`` calls ``secbeat backup`` as that command takes its words."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from appliance.cli.app import COMMANDS
from appliance.cli.commands import backup

ROLE = Path(__file__).parents[3] / "playbooks" / "roles" / "backup"
VARIABLES = yaml.safe_load((ROLE / "vars" / "main.yml").read_text())
PACKED = VARIABLES["secbeat_backup_packed"]


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
        ("restore.yml", {"file": Path(PACKED), "yes": True, "as_json": True}),
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

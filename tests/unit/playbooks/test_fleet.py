"""``register.yml``: what it does in check mode, and what it refuses."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.documents.playbooks import TREE, ansible, recap

ROLES = TREE / "playbooks" / "roles"
SECBEAT = """#!{python}
import json, sys
words = sys.argv[1:]
if words[:3] == ["fleet", "membership", "show"]:
    print(json.dumps({{"registered": {registered}, "node": "node-1"}}))
elif words == ["status", "--json"]:
    revision = {{"applied": 7, "committed": 7}}
    print(json.dumps({{"status": "running", "health": "healthy", "revision": revision}}))
elif words[:2] == ["nodes", "show"]:
    print(json.dumps({{"status": "healthy"}}))
else:
    sys.exit(f"must not be called: {{words}}")
"""


def secbeat(home: Path, *, registered: bool) -> Path:
    program = home / "secbeat"
    program.write_text(SECBEAT.format(python=sys.executable, registered=registered))
    program.chmod(0o755)
    return program


def play(home: Path, *options: str, tasks: list[Any], **variables: Any) -> Any:
    (home / "roles").symlink_to(ROLES)
    document = {"hosts": "localhost", "gather_facts": False, "tasks": tasks}
    (home / "play.yml").write_text(yaml.safe_dump([document]))
    return ansible(
        "ansible-playbook",
        *("-i", "localhost,", "-e", "ansible_connection=local", *options),
        *("-e", json.dumps(variables), home / "play.yml"),
        home=home,
    )


def part(role: str, file: str) -> dict[str, Any]:
    return {"ansible.builtin.import_role": {"name": role, "tasks_from": file}}


@pytest.mark.parametrize("registered", [True, False])
def test_check_mode_asks_nothing_that_it_has_not_done(tmp_path: Path, registered: bool) -> None:
    program = secbeat(tmp_path, registered=registered)
    done = play(
        tmp_path,
        "--check",
        tasks=[part("fleet", "membership.yml"), part("fleet", "health.yml")],
        secbeat_fleet_command=[str(program)],
        secbeat_fleet_orchestrator="localhost",
    )
    assert done.returncode == 0, done.stdout
    assert recap(done.stdout)["localhost"]["failed"] == 0


@pytest.mark.parametrize("is_known", [True, False])
def test_a_restarted_agent_is_asked_until_the_orchestrator_has_answered(
    tmp_path: Path, is_known: bool
) -> None:
    answers = [{"registered": True, "up": False}, {"registered": is_known, "up": is_known}]
    program, log = tmp_path / "secbeat", tmp_path / "calls"
    program.write_text(f"""#!{sys.executable}
import json, pathlib, sys
log, answers = pathlib.Path({str(log)!r}), {answers!r}
calls = log.read_text().splitlines() if log.exists() else []
log.write_text("\\n".join([*calls, " ".join(sys.argv[1:])]))
print(json.dumps(answers[len(calls)]) if len(calls) < 2 else sys.exit("no token is made"))
""")
    program.chmod(0o755)
    play(
        tmp_path,
        tasks=[part("fleet", "membership.yml")],
        secbeat_fleet_command=[str(program)],
        secbeat_fleet_orchestrator="localhost",
    )
    calls = log.read_text().splitlines()
    assert calls[:2] == ["fleet membership show --json"] * 2
    assert calls[2:] == ([] if is_known else ["fleet tokens list --json"])


@pytest.mark.parametrize(
    ("role", "file"), [("fleet", "configuration.yml"), ("rollout", "main.yml")]
)
def test_a_fleet_without_a_host_for_its_orchestrator_is_told(
    tmp_path: Path, role: str, file: str
) -> None:
    url = "https://fleet.example:3030"
    done = play(tmp_path, tasks=[part(role, file)], secbeat_node_fleet_url=url)
    assert done.returncode != 0
    told = f"secbeat_{role}_orchestrator is not set, and the inventory has no group orchestrators"
    assert told in done.stdout, done.stdout
    assert recap(done.stdout)["localhost"]["unreachable"] == 0


def test_a_node_without_a_fleet_needs_no_orchestrator(tmp_path: Path) -> None:
    done = play(
        tmp_path,
        tasks=[part("rollout", f"{name}.yml") for name in ("arguments", "membership", "health")],
        secbeat_rollout_command=[str(secbeat(tmp_path, registered=False))],
    )
    assert done.returncode == 0, done.stdout

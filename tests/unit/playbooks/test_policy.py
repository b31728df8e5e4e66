"""``policy.yml`` refuses what can't be before it asks an orchestrator; here there is none."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.documents.playbooks import TREE, ansible


def refused(home: Path, **variables: Any) -> str:
    """What a run says that fails."""
    given = {
        "file": str(home / "policy.toml"),
        "orchestrator": "localhost",
        "command": [sys.executable, "-m", "appliance.cli.main"],
    } | variables
    named = {f"secbeat_policy_{name}": value for name, value in given.items()}
    done = ansible(
        "ansible-playbook",
        *("-i", "localhost,", "-e", "ansible_connection=local"),
        *("-e", json.dumps(named | {"ansible_become": False})),
        TREE / "playbooks" / "policy.yml",
        home=home,
        PYTHONPATH=str(TREE),
        SECBEAT_ORCHESTRATOR="http://127.0.0.1:1",
        ORCHESTRATOR_API_KEY="k" * 32,
    )
    assert done.returncode != 0, done.stdout
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"file": "/does/not/exist.toml"}, "/does/not/exist.toml"),
        ({"strategy": "slow"}, "must be one of: all, canary"),
        ({"hold": "10s"}, "are for secbeat_policy_strategy canary"),
        ({"wait_seconds": 1}, "secbeat_policy_wait_seconds is 1: 10 to 7200"),
        ({"orchestrator": ""}, "the inventory has no group orchestrators"),
        ({"command": "/bin/x"}, "secbeat_policy_command is a text, not a list"),
    ],
)
def test_an_argument_that_can_t_be_is_told(
    tmp_path: Path, variables: dict[str, Any], said: str
) -> None:
    (tmp_path / "policy.toml").write_text('name = "strict"')
    assert said in refused(tmp_path, **variables)


def test_a_file_that_is_no_policy_is_told_with_its_field(tmp_path: Path) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text('{"name": "x", "rules": [{"type": "rate_limit"}]}')
    assert "rules[0]" in refused(tmp_path, file=str(bad))


def test_an_orchestrator_that_is_away_is_told(tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text('name = "strict"')
    assert "127.0.0.1:1" in refused(tmp_path)

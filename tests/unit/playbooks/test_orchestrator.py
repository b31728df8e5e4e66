"""The role ``orchestrator`` puts no secret into a file that all users can read."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from tests.support.documents.playbooks import TREE, ansible

ROLE = TREE / "playbooks" / "roles" / "orchestrator"
PLAY = """
- name: The configuration
  hosts: localhost
  gather_facts: false
  tasks:
    - name: Write it
      ansible.builtin.import_role: {name: orchestrator, tasks_from: configuration.yml}
"""


def test_a_password_in_the_configuration_is_refused_and_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "orchestrator.toml"
    file.write_text('database = "postgresql://secbeat:pa55word@db.example/fleet"\n')
    (tmp_path / "roles").symlink_to(ROLE.parent)
    (tmp_path / "play.yml").write_text(PLAY)
    done = ansible(
        "ansible-playbook",
        *("-i", "localhost,", "-e", "ansible_connection=local", "-vv", "--check", "--diff"),
        *("-e", json.dumps({"secbeat_orchestrator_configuration": str(file)})),
        tmp_path / "play.yml",
        home=tmp_path,
    )
    assert done.returncode != 0
    wanted = "the password in database (credential secbeat.orchestrator-database-url)"
    assert f"{file} contains {wanted}" in done.stdout, done.stdout
    assert "pa55word" not in done.stdout + done.stderr


def test_no_difference_of_a_configuration_is_shown() -> None:
    """A file that is replaced may have contained a secret."""
    tasks = yaml.safe_load((ROLE / "tasks" / "configuration.yml").read_text())
    copies = [task for task in tasks if "ansible.builtin.copy" in task]
    assert len(copies) == 3
    assert all(task["diff"] is False for task in copies)

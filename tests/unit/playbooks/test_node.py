"""The role ``node`` writes the node's name into whatever ``secbeat.toml`` the host has."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

from tests.support.documents.playbooks import TREE, ansible

WANTED = """
- name: What the role would write
  hosts: localhost
  gather_facts: false
  vars_files: [{role}/vars/main.yml]
  tasks:
    - name: Write it
      ansible.builtin.copy:
        content: "{{{{ secbeat_node_own_wanted }}}}"
        dest: "{folder}/{{{{ secbeat_case }}}}"
        mode: "0600"
      loop: "{{{{ secbeat_files | dict2items }}}}"
      loop_control: {{loop_var: secbeat_item}}
      vars:
        secbeat_case: "{{{{ secbeat_item.key }}}}"
        secbeat_node_own_current: "{{{{ secbeat_item.value }}}}"
"""


def written(home: Path, files: dict[str, str], **variables: str) -> dict[str, str]:
    """What becomes of each file that a host has."""
    play = home / "play.yml"
    play.write_text(WANTED.format(role=TREE / "playbooks" / "roles" / "node", folder=home))
    done = ansible(
        "ansible-playbook",
        *("-i", "localhost,", "-e", "ansible_connection=local"),
        *("-e", json.dumps(variables | {"secbeat_files": files}), play),
        home=home,
    )
    assert done.returncode == 0, done.stdout
    return {name: (home / name).read_text() for name in files}


def test_the_name_is_in_the_file_once_and_the_rest_is_as_it_was(tmp_path: Path) -> None:
    before = {
        "without": "[api]\nsocket = '/run/x'\n",
        "nameless": "[node]  # ours\nmode = 'tcp'\n\n[[routes]]\nname = 'kept'\n",
        "named": "[api]\nname = 'kept'\n\n[node]\nmode = 'tcp'\nname = 'other'\n[log]\na = 1\n",
    }
    after = written(tmp_path, before, secbeat_node_name="node-1")
    for case, text in before.items():
        wanted = tomllib.loads(text)
        wanted.setdefault("node", {})["name"] = "node-1"
        assert tomllib.loads(after[case]) == wanted
    assert written(tmp_path, after, secbeat_node_name="node-1") == after


def test_without_a_name_the_file_stays(tmp_path: Path) -> None:
    files = {"named": "[node]\nname = 'other'\n", "nameless": "[node]\n"}
    assert written(tmp_path, files) == files

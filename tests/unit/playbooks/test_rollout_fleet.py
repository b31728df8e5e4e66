"""``rollout.yml``: a node that is in a fleet before the change must be in it afterwards."""

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

from api.agent.fleet.asked import actions
from api.common.contract.errors import NotFoundError
from tests.support.documents.playbooks import TREE, ansible, recap

PLAYBOOKS = TREE / "playbooks"
ROLE = PLAYBOOKS / "roles" / "rollout"
URL = "https://fleet.example:3030"
NO_FLEET = "secbeat: this node is in no fleet: secbeat.toml has no fleet.url"
PARTS = [{"part": name, "state": "applied"} for name in ("policy", "lists", "rules")]
MEMBER = {"node": "node-1", "registered": True, "up": True, "applied": PARTS}
CUT_OFF = {**MEMBER, "up": False}
SECBEAT = """#!{python}
import json, pathlib, sys, time
home, words = pathlib.Path({home!r}), sys.argv[1:]
is_upgraded = (home / "upgraded").exists()
with open(home / "calls", "a") as calls:
    print(*words, file=calls)
if (home / "older").exists() and not is_upgraded and words[0] != "status":
    sys.exit("No such command " + repr(words[0]))
elif words[:3] == ["fleet", "membership", "show"]:
    answer = json.loads((home / "membership").read_text())[is_upgraded]
    if isinstance(answer, str):
        print(answer, file=sys.stderr)
        sys.exit(70)
elif words[:2] == ["nodes", "show"]:
    part = {{"is_newest": True, "state": "applied"}}
    answer = dict.fromkeys(("policy", "lists", "rules"), part)
    answer |= {{"status": "healthy", "reasons": [], "last_seen_at": time.time()}}
else:
    health = "degraded" if is_upgraded and (home / "broken").exists() else "healthy"
    answer = {{"status": "running", "health": health, "drain": {{"complete": True}}}}
    answer["revision"] = {{"applied": 7, "committed": 7}}
    if (home / "older").exists() and not is_upgraded:
        del answer["drain"]
print(json.dumps(answer))
"""
FAKE_TASKS = {
    "keep.yml": [],
    "upgrade.yml": [{"ansible.builtin.copy": {"content": "", "dest": "{{ home }}/upgraded"}}],
    "restore.yml": [{"ansible.builtin.file": {"path": "{{ home }}/upgraded", "state": "absent"}}],
}
"""Tasks of the role that would change the host."""


@dataclass(frozen=True)
class Outcome:
    """A run of ``rollout.yml`` for one node."""

    is_good: bool
    is_upgraded: bool
    text: str
    calls: list[str]

    def count(self, *words: str) -> int:
        """How often a command was run that begins with these words."""
        return sum(call.startswith(" ".join(words)) for call in self.calls)


def rollout(
    home: Path, before: Any, after: Any, *options: str, wait_s: int = 2, **variables: Any
) -> Outcome:
    """Run it for a node whose membership is ``before`` and ``after`` the change: an answer of
    ``secbeat``, or the error message of its failure."""
    role = home / "roles" / "rollout"
    shutil.copytree(ROLE, role)
    for name, tasks in FAKE_TASKS.items():
        (role / "tasks" / name).write_text(yaml.safe_dump(tasks))
    shutil.copy(PLAYBOOKS / "rollout.yml", home)
    (home / "membership").write_text(json.dumps([before, after]))
    program = home / "secbeat"
    program.write_text(SECBEAT.format(python=sys.executable, home=str(home)))
    program.chmod(0o755)
    (home / "hosts").write_text("[nodes]\nn1 ansible_connection=local\n")
    given = {
        "home": str(home),
        "secbeat_rollout_command": [str(program)],
        "secbeat_rollout_wait_seconds": wait_s,
        "ansible_become": False,
        "ansible_python_interpreter": sys.executable,
        **variables,
    }
    done = ansible(
        "ansible-playbook",
        *("-i", home / "hosts", "-e", json.dumps(given), *options, home / "rollout.yml"),
        home=home,
    )
    text, calls = done.stdout + done.stderr, home / "calls"
    assert (recap(done.stdout)["n1"]["failed"] == 0) == (done.returncode == 0), text
    return Outcome(
        done.returncode == 0,
        (home / "upgraded").exists(),
        text,
        calls.read_text().splitlines() if calls.exists() else [],
    )


@pytest.mark.parametrize(
    "after",
    [
        pytest.param(CUT_OFF, id="without an answer"),
        pytest.param({**CUT_OFF, "registered": False}, id="not known"),
        pytest.param({**MEMBER, "applied": [{"state": "rejected"}]}, id="policy rejected"),
        pytest.param(NO_FLEET, id="without its configuration"),
    ],
)
def test_a_change_that_cuts_a_member_off_is_rolled_back(tmp_path: Path, after: Any) -> None:
    done = rollout(tmp_path, MEMBER, after)
    assert not done.is_good
    assert "the batch n1 failed and was rolled back;" in done.text, done.text
    assert not done.is_upgraded


def test_a_member_without_an_answer_is_not_changed(tmp_path: Path) -> None:
    done = rollout(tmp_path, CUT_OFF, MEMBER)
    assert not done.is_good
    assert done.count("drain") == 0


def test_a_failure_to_read_the_membership_is_not_a_node_outside_a_fleet(tmp_path: Path) -> None:
    done = rollout(tmp_path, "secbeat: the agent does not answer", NO_FLEET)
    assert not done.is_good
    assert done.count("drain") == 0


@pytest.mark.parametrize("orchestrator", ["", "n1"])
def test_a_member_is_checked_whether_or_not_the_inventory_has_its_url(
    tmp_path: Path, orchestrator: str
) -> None:
    done = rollout(tmp_path, MEMBER, MEMBER, secbeat_rollout_orchestrator=orchestrator)
    assert done.is_good, done.text
    assert done.is_upgraded
    assert done.count("fleet", "membership", "show") == 3
    assert (done.count("nodes", "show", "node-1") > 0) == bool(orchestrator)
    assert ("only the node itself is asked about its fleet" in done.text) != bool(orchestrator)


@pytest.mark.parametrize(
    ("membership", "variables"),
    [
        pytest.param(NO_FLEET, {}, id="no fleet"),
        pytest.param(
            {**CUT_OFF, "registered": False}, {"secbeat_node_fleet_url": URL}, id="has not joined"
        ),
    ],
)
def test_a_node_that_is_no_member_waits_for_no_orchestrator(
    tmp_path: Path, membership: Any, variables: dict[str, str]
) -> None:
    orchestrator = {"secbeat_rollout_orchestrator": "n1"}
    done = rollout(tmp_path, membership, membership, wait_s=300, **orchestrator, **variables)
    assert done.is_good, done.text
    assert done.is_upgraded
    assert done.count("fleet", "membership", "show") == 1
    assert done.count("nodes", "show") == 0


def test_check_mode_asks_nothing(tmp_path: Path) -> None:
    done = rollout(tmp_path, MEMBER, MEMBER, "--check", secbeat_rollout_orchestrator="n1")
    assert done.is_good, done.text
    assert done.calls == []


def test_the_role_knows_the_agents_message_for_a_node_without_a_fleet() -> None:
    with pytest.raises(NotFoundError) as error:
        actions(lambda: None)["fleet.membership"]({})
    command = ["sh", ROLE / "files" / "membership.sh", "sh", "-c", 'echo "$0" >&2; exit 70']
    done = subprocess.run([*command, str(error.value)], capture_output=True, check=True)
    assert json.loads(done.stdout) == {"registered": False}


@pytest.mark.parametrize("is_good", [True, False])
def test_a_release_without_drain_and_fleet_is_upgraded(tmp_path: Path, is_good: bool) -> None:
    (tmp_path / "older").touch()
    if not is_good:
        (tmp_path / "broken").touch()
    done = rollout(tmp_path, NO_FLEET, NO_FLEET)
    assert done.is_good == done.is_upgraded == is_good, done.text
    assert "the present release of n1 has no drain" in done.text
    assert done.count("drain") == 0

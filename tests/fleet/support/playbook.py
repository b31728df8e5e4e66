"""Runs a playbook as an operator does, over ssh, and reads what it has come to."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.fleet.support.run import Run
from tests.fleet.support.tree import TREE
from tests.support.documents.playbooks import recap

PLAYBOOK_S = 3600
"""For one run over all hosts, on a machine that others use."""
INVENTORY = TREE / "inventory" / "lab.yml"


@dataclass(frozen=True)
class Outcome:
    """What was printed, and by host the counts of the last lines."""

    code: int
    text: str
    hosts: Mapping[str, Mapping[str, int]]

    def changed(self) -> dict[str, int]:
        """How many tasks have changed something, by host."""
        return {name: counts["changed"] for name, counts in self.hosts.items()}


def play(run: Run, playbook: str, *options: str, inventories: tuple[Path, ...] = ()) -> Outcome:
    """Run it on the hosts that the run has; its failure is an answer.

    Args:
        inventories: Sources of the inventory before the lab's.
    """
    command = Path(sys.executable).with_name("ansible-playbook")
    sources = [word for file in (*inventories, INVENTORY) for word in ("-i", file)]
    given = ("-e", f"secbeat_lab_pki={run.pki}", "--limit", ",".join(run.hosts))
    done = subprocess.run(
        [command, *sources, TREE / "playbooks" / playbook, *given, *options],
        cwd=TREE,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(run.directory),
            "LANG": "C.UTF-8",
            "ANSIBLE_CONFIG": str(TREE / "playbooks" / "ansible.cfg"),
            "ANSIBLE_SSH_COMMON_ARGS": f"-F {run.ssh_configuration}",
            "ANSIBLE_TIMEOUT": "120",
            "ANSIBLE_NOCOLOR": "1",
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PLAYBOOK_S,
        check=False,
    )
    log = run.directory / "playbooks.log"
    with log.open("a") as file:
        file.write(f"$ {playbook} {' '.join(options)}\n{done.stdout}\n")
    return Outcome(done.returncode, done.stdout, recap(done.stdout))


def play_well(
    run: Run, playbook: str, *options: str, inventories: tuple[Path, ...] = ()
) -> Outcome:
    """Run it to its end, which must be a good one."""
    outcome = play(run, playbook, *options, inventories=inventories)
    assert outcome.code == 0, outcome.text[-6000:]
    return outcome

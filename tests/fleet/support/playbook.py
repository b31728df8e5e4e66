"""Runs a playbook as an operator does, over ssh, and reads what it has come to."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from appliance.image.system.contain import NAMESPACES
from tests.fleet.support.run import Run
from tests.fleet.support.tree import TREE
from tests.support.documents.playbooks import recap
from tests.support.network.namespaces import inside

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


def play(
    run: Run, playbook: str, *options: str, inventories: tuple[Path, ...] = (INVENTORY,)
) -> Outcome:
    """Run it on the hosts that the run has; its failure is an answer."""
    given = ("-e", f"secbeat_lab_pki={run.pki}", "--limit", ",".join(run.hosts))
    words = (TREE / "playbooks" / playbook, *given, *options)
    done = _ansible(run, "ansible-playbook", *words, inventories=inventories)
    log = run.directory / "playbooks.log"
    with log.open("a") as file:
        file.write(f"$ {playbook} {' '.join(options)}\n{done.stdout}\n")
    return Outcome(done.returncode, done.stdout, recap(done.stdout))


def play_well(
    run: Run, playbook: str, *options: str, inventories: tuple[Path, ...] = (INVENTORY,)
) -> Outcome:
    """Run it to its end, which must be a good one."""
    outcome = play(run, playbook, *options, inventories=inventories)
    assert outcome.code == 0, outcome.text[-6000:]
    return outcome


def graph(run: Run, *inventories: Path) -> dict[str, set[str]]:
    """The hosts of each group, as ``ansible-inventory --graph`` shows them."""
    done = _ansible(run, "ansible-inventory", "--graph", inventories=inventories)
    assert done.returncode == 0, done.stdout
    groups: dict[str, set[str]] = {}
    for line in done.stdout.splitlines():
        _, _, name = line.partition("--")
        if name.startswith("@"):
            hosts = groups.setdefault(name.strip("@:"), set())
        elif name:
            hosts.add(name)
    return groups


def _ansible(
    run: Run, program: str, *words: str | Path, inventories: tuple[Path, ...]
) -> subprocess.CompletedProcess[str]:
    """A program of ansible-core on the controller, whose network it has.

    Its workers are in sessions of their own: the namespaces end them with the run.
    """
    command = Path(sys.executable).with_name(program)
    sources = [word for file in inventories for word in ("-i", file)]
    with inside(run.controller):
        return subprocess.run(
            [*NAMESPACES, command, *sources, *words],
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

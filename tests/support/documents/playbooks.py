"""Runs Ansible's programs as an operator does, without ssh and without a user's settings."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

TREE = Path(__file__).resolve().parents[3]
_BOUND_S = 400
_RECAP = re.compile(r"^(\S+)\s+: (.*)$", re.MULTILINE)


def recap(text: str) -> Mapping[str, Mapping[str, int]]:
    """The result of a run by host: the counts in its last lines."""
    _, _, last = text.partition("PLAY RECAP")
    return {
        name: {key: int(value) for key, value in (word.split("=") for word in counts.split())}
        for name, counts in _RECAP.findall(last)
    }


def ansible(
    program: str,
    *arguments: str | Path,
    home: Path,
    bound_s: float = _BOUND_S,
    **environment: str,
) -> subprocess.CompletedProcess[str]:
    """Run a program of ansible-core with the project's configuration; returns its result even if it
    fails."""
    return subprocess.run(
        [Path(sys.executable).with_name(program), *arguments],
        cwd=TREE,
        env={
            "PATH": "/usr/bin:/bin",
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "ANSIBLE_CONFIG": str(TREE / "playbooks" / "ansible.cfg"),
            "ANSIBLE_NOCOLOR": "1",
            **environment,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=bound_s,
        check=False,
    )


def unreachable(name: str, home: Path) -> str:
    """The line of an inventory for a host to which ``ssh`` can't connect."""
    program = home / "ssh-without-a-connection"
    program.write_text("#!/bin/sh\nexit 255\n")
    program.chmod(0o755)
    return f"{name} ansible_connection=ssh ansible_ssh_executable={program}"

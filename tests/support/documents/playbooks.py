"""Ansible's own programs, as an operator runs them, without ssh and without a user's settings."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TREE = Path(__file__).resolve().parents[3]
_BOUND_S = 400


def ansible(
    program: str, *arguments: str | Path, home: Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a program of ansible-core with the project's configuration; its failure is an answer."""
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
        timeout=_BOUND_S,
        check=False,
    )

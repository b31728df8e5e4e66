"""Nodes that a lab's orchestrator has created: each is a lab instance.

They are recorded in the directory of their lab, and end with it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from appliance.lab.instance import Instance


def directory(lab: Instance) -> Path:
    """One directory for each node, by its name."""
    return lab.directory / "provider"


def provisioner_file(lab: Instance) -> Path:
    """The ``provisioner.toml`` of a lab."""
    return lab.directory / "provisioner.toml"


def socket(lab: Instance) -> Path:
    """The provisioner's socket for the lab's orchestrator."""
    return lab.directory / "run-provisioner" / "provisioner.sock"


def nodes(kept: Path) -> list[Instance]:
    """The recorded nodes of a directory, by name."""
    try:
        return [Instance(path.name) for path in sorted(kept.iterdir()) if path.is_dir()]
    except FileNotFoundError:
        return []


def most() -> int:
    """Maximum number of nodes beside the first: each has a worker that is always busy."""
    return max(1, len(os.sched_getaffinity(0)))


def provisioner_tables(lab: Instance, python: str, tree: Path) -> dict[str, Any]:
    """Configuration of the provisioner: the lab's provider and no other."""
    command = [python, "-B", "-m", "appliance.lab.fleet.provider"]
    options = ["--directory", str(directory(lab)), "--max", str(most())]
    return {
        "socket": str(socket(lab)),
        "user": "secbeat",
        "providers": {"lab": {"command": [*command, *options], "directory": str(tree)}},
    }


def scaling_section(lab: Instance) -> dict[str, Any]:
    """``[scaling]`` of the lab's orchestrator."""
    return {"provider": "lab", "socket": str(socket(lab)), "max": most(), "drain_seconds": 15}

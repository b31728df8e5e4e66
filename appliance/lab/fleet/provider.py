"""Provider ``lab``: a new node is a lab instance, with its processes, data plane and namespaces.

``python -m appliance.lab.fleet.provider --directory DIRECTORY --max N``, as root, run by the
provisioner. It uses the protocol of ``docs/scaling-providers.md``. It records a node in the
directory before it creates the node, so that every step can be repeated after a crash.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.config.dump import dump
from appliance.lab import lifecycle, preflight, status
from appliance.lab.commands import LabError
from appliance.lab.detach import up_detached
from appliance.lab.fleet import scaled
from appliance.lab.instance import Instance
from appliance.provisioner.answering import answer, say

MEMORY_MIB = 64
"""Packet memory of a node."""
_CHANGING = ("starting", "stopping")
_CHANGE_S = 200.0
_LOOK_S = 0.2


@dataclass(frozen=True)
class Lab:
    """The options of the provider."""

    directory: Path
    nodes_max: int


def main(arguments: Sequence[str]) -> int:
    """Answer the request on standard input."""
    parser = argparse.ArgumentParser(prog="python -m appliance.lab.fleet.provider")
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--max", type=int, required=True)
    options = parser.parse_args(arguments)
    lab = Lab(options.directory, options.max)
    return answer(lambda question: _answer(lab, question))


def _answer(lab: Lab, question: dict[str, Any]) -> dict[str, Any]:
    verb = question["verb"]
    if verb == "create":
        return create(lab, Instance(question["node"]), question["fleet"])
    if verb == "destroy":
        return destroy(lab, Instance(question["node"]))
    if verb == "list":
        return {"nodes": [each.name for each in scaled.nodes(lab.directory)], "local": True}
    if verb == "capacity":
        return capacity(lab)
    raise LabError(f"verb {verb!r} is not known")


def create(lab: Lab, node: Instance, fleet: dict[str, Any]) -> dict[str, Any]:
    """Create a node and wait until it is healthy; an existing one stays."""
    kept = lab.directory / node.name
    if not kept.is_dir() and len(scaled.nodes(lab.directory)) >= lab.nodes_max:
        raise LabError(f"this lab may have {lab.nodes_max} nodes beside its own, and has as many")
    kept.mkdir(mode=0o711, parents=True, exist_ok=True)
    file = _write(node, kept, fleet)
    state = _lasting_state(node)
    if state == "crashed":
        lifecycle.down(node, say)
    if state != "up":
        up_detached(lifecycle.Wish(node, config_file=file, gives_way=True), say)
    return {"node": node.name, "api": status.read(node)["addresses"]["api"]}


def destroy(lab: Lab, node: Instance) -> dict[str, Any]:
    """Remove a node; a missing one, or one that the provider has not created, counts as removed."""
    kept = lab.directory / node.name
    if not kept.is_dir():
        return {"node": node.name, "there": False}
    lifecycle.down(node, say)
    shutil.rmtree(kept)
    return {"node": node.name, "there": True}


def capacity(lab: Lab) -> dict[str, Any]:
    """The number of further nodes, and the resource that limits it."""
    used = len(scaled.nodes(lab.directory))
    needed_mib = MEMORY_MIB + preflight.OTHERS_MIB
    by_memory = preflight.available_mib() // needed_mib
    by_number = max(0, lab.nodes_max - used)
    if by_memory < by_number:
        limit = f"a node needs {needed_mib} MiB, {preflight.available_mib()} MiB are available"
    else:
        limit = f"this lab may have {lab.nodes_max} nodes beside its own, and has {used}"
    return {"free": min(by_number, by_memory), "used": used, "limit": limit}


def _write(node: Instance, kept: Path, fleet: dict[str, Any]) -> Path:
    token, file = kept / "enrol.token", kept / "secbeat.toml"
    token.touch(mode=0o600)
    shutil.chown(token, "secbeat", "secbeat")  # readable by the agent only
    token.write_text(f"{fleet['token']}\n")
    section = {"url": fleet["url"], "token_file": str(token), "labels": fleet["labels"]}
    tables = {
        "node": {"name": node.name},
        "dataplane": {"memory_mib": MEMORY_MIB},
        "fleet": section,
    }
    file.write_text(dump(tables))
    return file


def _lasting_state(node: Instance) -> str:
    """The state of an instance once it is neither starting nor stopping; raises LabError."""
    end = time.monotonic() + _CHANGE_S
    while (state := status.read(node)["state"]) in _CHANGING:
        if time.monotonic() > end:
            raise LabError(f"node {node.name!r} is {state} for {_CHANGE_S:.0f} s")
        time.sleep(_LOOK_S)
    return str(state)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""``secbeat-provider-qemu FILE``: answers one question as ``docs/scaling-providers.md`` says."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from api.orchestrator.scaling.protocol import NODE
from appliance.provisioner.answering import answer, say
from appliance.provisioner.qemu import configuration, nodes
from appliance.provisioner.qemu.machine import MachineError


def main(arguments: Sequence[str] | None = None) -> int:
    """Answer the question on standard input; returns the exit code."""
    parser = argparse.ArgumentParser(prog="secbeat-provider-qemu")
    parser.add_argument("file", type=Path, help="qemu.toml")
    file = parser.parse_args(arguments).file
    return answer(lambda question: _answer(file, question))


def _answer(file: Path, question: dict[str, Any]) -> dict[str, Any]:
    config, verb = configuration.load(file), question["verb"]
    if verb == "create":
        return nodes.create(config, _node(question), question["fleet"], say)
    if verb == "destroy":
        return nodes.destroy(config, _node(question))
    if verb == "list":
        return {"nodes": nodes.names(config), "local": True}
    if verb == "capacity":
        return nodes.capacity(config)
    raise MachineError(f"verb {verb!r} is not known")


def _node(question: dict[str, Any]) -> str:
    node = str(question["node"])
    if not NODE.fullmatch(node):
        raise MachineError(f"node {node!r}: 1 to 24 of a-z, 0-9 and dashes")
    return node


if __name__ == "__main__":
    sys.exit(main())

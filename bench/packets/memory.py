"""Memory of a node's processes, empty and with full lists: ``python -m bench.packets.memory``.

Proportional set size plus huge pages, over a process and its descendants.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from bench.packets import node
from tests.support.instances.lab import Lab

TARGETS_MB = {"dataplane": 128, "api": 96, "agent": 60}
"""The targets, in the default configuration."""
_FIELDS = re.compile(r"^(Pss|Shared_Hugetlb|Private_Hugetlb):\s+(\d+) kB", re.MULTILINE)


def of_node(lab: Lab) -> dict[str, float]:
    """Megabytes (10^6 bytes) by process."""
    processes = lab.status()["processes"]
    return {
        name: round(sum(_bytes(pid) for pid in _family(processes[name]["pid"])) / 1e6, 1)
        for name in TARGETS_MB
    }


def fill(lab: Lab) -> None:
    """Import a hundred thousand prefixes of each family; the addresses are imported elsewhere."""
    node.bring(lab, lab.make_key("bench-prefixes"), node.prefixes())


def report(empty: dict[str, float], full: dict[str, float]) -> dict[str, Any]:
    """The results for JSON."""
    return {
        "unit": "10^6 bytes, PSS and huge pages",
        "empty": empty,
        "full": full,
        "full_lists": f"{node.ADDRESSES} addresses, {node.PREFIXES} prefixes of each family",
        "targets": TARGETS_MB,
    }


def lines(result: dict[str, Any]) -> list[str]:
    """The results as lines of text."""
    return [
        f"memory of {name}: {result['empty'][name]} MB empty, {result['full'][name]} MB with "
        f"full lists; wanted <= {wanted} MB"
        for name, wanted in result["targets"].items()
    ]


def _family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return [pid, *(found for child in children for found in _family(int(child)))]


def _bytes(pid: int) -> int:
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    return sum(int(kib) * 1024 for _, kib in _FIELDS.findall(rollup))


if __name__ == "__main__":
    with node.running() as started_lab:
        before = of_node(started_lab)
        node.bring(started_lab, started_lab.make_key("bench-addresses"), node.addresses())
        fill(started_lab)
        found_memory = report(before, of_node(started_lab))
    print("\n".join(lines(found_memory)))
    print(json.dumps(found_memory))

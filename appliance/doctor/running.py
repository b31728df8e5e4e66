"""What the processes of a node that runs on this host hold: it is in use, and not missing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from appliance.host.files import Host

_PREFIX, _MODULE = "secbeat-", "appliance.cli.processes"
"""How a process is started: by its command, or in a source tree by the module behind it."""


@dataclass(frozen=True)
class Held:
    """In MiB."""

    memory: int
    """Ordinary memory of its own."""
    hugepages: int


def held_by_node(host: Host) -> Held:
    """All processes of nodes together; those that we may not look at are left out."""
    statuses = [host.text(f"/proc/{pid}/status") or "" for pid in _processes(host)]
    memory, hugepages = (
        sum(_kib(status, field) for status in statuses) // 1024
        for field in ("RssAnon", "HugetlbPages")
    )
    return Held(memory, hugepages)


def _processes(host: Host) -> Iterator[str]:
    for pid in filter(str.isdigit, host.names("/proc")):
        words = (host.text(f"/proc/{pid}/cmdline") or "").split("\0")[:4]
        if _MODULE in words or any(PurePosixPath(w).name.startswith(_PREFIX) for w in words):
            yield pid


def _kib(status: str, field: str) -> int:
    match = re.search(rf"^{field}:\s+(\d+) kB", status, re.M)
    return int(match[1]) if match else 0

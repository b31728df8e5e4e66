"""Lets the packet workers of one node give way to everything else on the machine.

A worker polls and so is always busy; with more nodes than CPUs they would starve one another's
control threads, which keep their priority.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

WORKER = re.compile(r"(lcore|rte|dpdk)-worker-?[0-9]+")
"""Names of DPDK's worker threads, by version (rte_thread_set_prefixed_name)."""
NICEST = 19


def give_way(pid: int) -> int:
    """Lower the priority of a data plane's workers; returns how many there are."""
    found = 0
    for task in Path(f"/proc/{pid}/task").glob("[0-9]*"):
        with suppress(OSError):  # a thread that has ended
            if WORKER.fullmatch((task / "comm").read_text().strip()):
                os.setpriority(os.PRIO_PROCESS, int(task.name), NICEST)
                found += 1
    return found

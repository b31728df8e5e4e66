"""Gives the packet workers of one node a lower priority than everything else on the machine.

A worker polls and so is always busy. With more nodes than CPUs, workers would delay the control
threads of other nodes, which keep their priority.
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
        with suppress(OSError):  # the thread has ended
            if WORKER.fullmatch((task / "comm").read_text().strip()):
                os.setpriority(os.PRIO_PROCESS, int(task.name), NICEST)
                found += 1
    return found

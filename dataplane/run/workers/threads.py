"""The kernel's information about worker threads: their run time, and whether they can run."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

_NAME = re.compile(r"worker-?(\d+)$")
"""Names by EAL: ``rte-worker-1``, since DPDK 23.11 ``dpdk-worker1``; with EAL's lcore number."""
_NS_PER_MS = 1_000_000


class Ran(NamedTuple):
    """The state of a thread."""

    cpu_ms: int
    is_runnable: bool
    """True: it runs, or waits for its CPU; False: it is stopped, or waits for something else."""


class WorkerThreads:
    """By index of the lcore. ``tasks``: the process's directory in proc(5)."""

    def __init__(self, lcore_ids: Sequence[int], tasks: Path = Path("/proc/self/task")) -> None:
        self._lcore_ids = tuple(lcore_ids)
        self._tasks = tasks
        self._found: dict[int, Path] = {}

    def ran(self, index: int) -> Ran | None:
        """The state of a worker; None: not available."""
        try:
            task = self._task(self._lcore_ids[index])
            if task is None:
                return None
            cpu_ns = int((task / "schedstat").read_text().split()[0])
            state = (task / "stat").read_text().rpartition(") ")[2][:1]
        except (OSError, ValueError, IndexError):
            return None
        return Ran(cpu_ns // _NS_PER_MS, state == "R")

    def _task(self, lcore_id: int) -> Path | None:
        if lcore_id not in self._found:
            for task in self._tasks.iterdir():
                name = _NAME.search((task / "comm").read_text().strip())
                if name is not None:
                    self._found[int(name[1])] = task
        return self._found.get(lcore_id)

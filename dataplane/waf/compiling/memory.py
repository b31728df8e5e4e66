"""The available memory of the node (proc(5), ``/proc/meminfo``)."""

from __future__ import annotations

from pathlib import Path

_MEMINFO = Path("/proc/meminfo")
_KIB_PER_MIB = 1024


def available_mib(meminfo: Path = _MEMINFO) -> int:
    """MiB that new work can use without swapping; 0: not known."""
    for line in meminfo.read_text(encoding="ascii").splitlines():
        name, _, value = line.partition(":")
        if name == "MemAvailable":
            return int(value.split()[0]) // _KIB_PER_MIB
    return 0

"""Hugepages, free memory and the limit of locked memory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from appliance.doctor.context import Context, Finding, Status, wants_pci
from appliance.host.files import Host

_PAGES = "/sys/kernel/mm/hugepages"
_PACKET_MEMORY_MIB = 64
"""Default of ``dataplane.memory_mib``."""
_AVAILABLE_MIB_MIN = 256
"""Data plane 128, API 80, exporter 60 (MiB), rounded."""
_AVAILABLE_MIB_GOOD = 512

_PREFIX, _MODULE = "secbeat-", "appliance.cli.processes"
"""The two forms of the command of a process: its program, or in a source tree its module."""


@dataclass(frozen=True)
class _Held:
    """Memory that the node's running processes use, in MiB; it counts as available."""

    memory: int
    """Ordinary memory of its own."""
    hugepages: int


def check_hugepages(context: Context) -> Iterator[Finding]:
    """Packet memory in hugepages: enough of them. Nothing has to be mounted for DPDK's memfds."""
    wanted = context.config.dataplane.hugepages if context.config else "auto"
    if wanted == "off":
        yield Finding("hugepages", Status.OK, "not wanted (dataplane.hugepages is off)")
        return
    bad = Status.FAIL if wanted == "on" else Status.WARN
    needed_mib = _packet_memory_mib(context)
    pools = _pools(context.host)
    free_mib = sum(size_kib * free for size_kib, _, free in pools) // 1024
    held_mib = _held_by_node(context.host).hugepages
    what = ", ".join(
        f"{total} of {size_kib // 1024} MiB, {free} free" for size_kib, total, free in pools
    )
    if held_mib:
        what += f"; {held_mib} MiB held by the node that runs"
    if free_mib + held_mib >= needed_mib:
        yield Finding("hugepages", Status.OK, what)
    else:
        yield Finding(
            "hugepages",
            bad,
            f"{free_mib} MiB free, {needed_mib} MiB wanted" + (f" ({what})" if what else ""),
            "without hugepages a packet costs more TLB misses",
            "secbeat host prepare" if context.config else _reserve_command(pools, needed_mib),
        )


def check_memory(context: Context) -> Iterator[Finding]:
    """Memory for the processes of a node."""
    match = re.search(r"^MemAvailable:\s+(\d+) kB", context.host.text("/proc/meminfo") or "", re.M)
    if match is None:
        yield Finding("memory", Status.WARN, "unknown", "/proc/meminfo has no MemAvailable")
        return
    available_mib, held_mib = int(match[1]) // 1024, _held_by_node(context.host).memory
    status = Status.OK
    if available_mib + held_mib < _AVAILABLE_MIB_GOOD:
        enough = available_mib + held_mib >= _AVAILABLE_MIB_MIN
        status = Status.WARN if enough else Status.FAIL
    why = f"the processes of a node want {_AVAILABLE_MIB_MIN} MiB, an import more for a while"
    command = None if status is Status.OK else "ps -eo pid,rss,args --sort=-rss | head"
    what = f"{available_mib} MiB available"
    what += f", {held_mib} MiB held by the node that runs" if held_mib else ""
    yield Finding("memory", status, what, why, command)


def check_locked_memory(context: Context) -> Iterator[Finding]:
    """VFIO pins packet memory: the limit must allow it."""
    limits = context.host.text("/proc/self/limits") or ""
    match = re.search(r"^Max locked memory\s+(\S+)", limits, re.M)
    if match is None or match[1] == "unlimited":
        yield Finding("locked memory", Status.OK, match[1] if match else "no limit known")
        return
    limit_mib = int(match[1]) // (1 << 20)
    enough = limit_mib >= _packet_memory_mib(context) or not _pins_memory(context)
    yield Finding(
        "locked memory",
        Status.OK if enough else Status.WARN,
        f"limit {limit_mib} MiB in this session",
        "vfio-pci and af_xdp pin packet memory; the data plane's unit has a limit of its own",
        None if enough else "ulimit -l unlimited   # in a unit: LimitMEMLOCK=infinity",
    )


def _packet_memory_mib(context: Context) -> int:
    return context.config.dataplane.memory_mib if context.config else _PACKET_MEMORY_MIB


def _pins_memory(context: Context) -> bool:
    """Whether the kernel pins the packet memory of a configured port."""
    if context.config is None:
        return False
    ports = (context.config.ports.outside, context.config.ports.inside)
    return wants_pci(context.config) or any("af_xdp" in port.device for port in ports)


def _pools(host: Host) -> list[tuple[int, int, int]]:
    """Page size in KiB, total pages, free pages; pools without pages are left out."""
    pools = []
    for name in host.names(_PAGES):
        match = re.fullmatch(r"hugepages-(\d+)kB", name)
        total = host.number(f"{_PAGES}/{name}/nr_hugepages")
        if match and total:
            free = host.number(f"{_PAGES}/{name}/free_hugepages") or 0
            pools.append((int(match[1]), total, free))
    return pools


def _reserve_command(pools: list[tuple[int, int, int]], needed_mib: int) -> str:
    small = next(((total, free) for size, total, free in pools if size == 2048), (0, 0))  # noqa: PLR2004
    total, free = small
    return f"sysctl -w vm.nr_hugepages={total - free + (needed_mib + 1) // 2}"


def _held_by_node(host: Host) -> _Held:
    """The memory of all processes of nodes; unreadable processes are left out."""
    statuses = [host.text(f"/proc/{pid}/status") or "" for pid in _processes(host)]
    memory, hugepages = (
        sum(_kib(status, field) for status in statuses) // 1024
        for field in ("RssAnon", "HugetlbPages")
    )
    return _Held(memory, hugepages)


def _processes(host: Host) -> Iterator[str]:
    for pid in filter(str.isdigit, host.names("/proc")):
        words = (host.text(f"/proc/{pid}/cmdline") or "").split("\0")[:4]
        if _MODULE in words or any(PurePosixPath(w).name.startswith(_PREFIX) for w in words):
            yield pid


def _kib(status: str, field: str) -> int:
    match = re.search(rf"^{field}:\s+(\d+) kB", status, re.M)
    return int(match[1]) if match else 0

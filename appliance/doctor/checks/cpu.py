"""Instruction set, number of CPUs, isolation and clock."""

from __future__ import annotations

import re
from collections.abc import Iterator

from appliance.doctor.context import Context, Finding, Status
from appliance.host.cpus import UNITS, parse_cpus, ranges
from appliance.host.cpus import online as online_cpus
from appliance.host.files import Host

V2_FLAGS = frozenset({"cx16", "lahf_lm", "popcnt", "pni", "sse4_1", "sse4_2", "ssse3"})
"""x86-64-v2 in the words of /proc/cpuinfo (x86-64 psABI, section 3.1.1; pni is SSE3)."""
_CLOCK = "/sys/devices/system/clocksource/clocksource0"


def check_instruction_set(context: Context) -> Iterator[Finding]:
    """``libsecbeat`` is built for x86-64-v2."""
    flags = cpu_flags(context.host)
    missing = sorted(V2_FLAGS - flags)
    if missing:
        yield Finding(
            "cpu",
            Status.FAIL,
            "not x86-64-v2: " + ("no x86 flags known" if not flags else "no " + ", ".join(missing)),
            "libsecbeat and Debian's DPDK would end with an illegal instruction",
            "lscpu   # in a VM: give it a newer CPU model, such as host",
        )
        return
    wider = [name for flag, name in (("avx2", "AVX2"), ("avx512f", "AVX-512")) if flag in flags]
    yield Finding("cpu", Status.OK, "x86-64-v2" + "".join(f", {name}" for name in wider))


def check_cpus(context: Context) -> Iterator[Finding]:
    """One CPU per worker, and one for everything else."""
    online = online_cpus(context.host)
    lcores = context.config.dataplane.lcores if context.config else 1
    absent = sorted(set(_worker_cpus(context)) - online)
    if absent:
        yield Finding(
            "cpus",
            Status.FAIL,
            f"dataplane.worker_cpus names {_list(absent)}, online are {ranges(online)}",
            "a worker can't be pinned to a CPU that isn't there",
            "lscpu --extended   # then correct dataplane.worker_cpus in secbeat.toml",
        )
        return
    what = f"{len(online)} online, {lcores} for workers"
    if len(online) > lcores:
        yield Finding("cpus", Status.OK, what)
        return
    yield Finding(
        "cpus",
        Status.FAIL if len(online) < lcores else Status.WARN,
        what,
        "a worker polls without pause: control loop, API and kernel want a CPU of their own",
        "lower dataplane.lcores in secbeat.toml, or give the host more CPUs",
    )


def check_isolation(context: Context) -> Iterator[Finding]:
    """The kernel must keep other work off the workers' CPUs."""
    isolated = parse_cpus(context.host.text("/sys/devices/system/cpu/isolated") or "")
    shared = sorted(set(_worker_cpus(context)) - isolated)
    what = f"isolated: {ranges(isolated) or 'none'}"
    if not shared:
        why = "" if isolated else "fine in a lab; on bare metal isolate the workers' CPUs"
        yield Finding("isolation", Status.OK, what, why)
        return
    cpus = _list(shared)
    others = parse_cpus(context.host.text(f"/sys/fs/cgroup/{UNITS[1]}/cpuset.cpus") or "")
    if others and not others & set(shared):
        why = "set apart from all other processes by cpusets; only the kernel's own work is left"
        yield Finding("isolation", Status.OK, f"{what}; workers run on {cpus}", why)
        return
    yield Finding(
        "isolation",
        Status.WARN,
        f"{what}; workers run on {cpus}",
        "other tasks interrupt a worker, and packets wait meanwhile",
        "secbeat host prepare   # for the kernel's own work too: add 'isolcpus=managed_irq,domain,"
        f"{cpus} nohz_full={cpus} rcu_nocbs={cpus}' to GRUB_CMDLINE_LINUX; update-grub; reboot",
    )


def check_clock(context: Context) -> Iterator[Finding]:
    """The TSC must be fit to measure time."""
    current = context.host.text(f"{_CLOCK}/current_clocksource")
    available = (context.host.text(f"{_CLOCK}/available_clocksource") or "").split()
    steady = cpu_flags(context.host) >= {"constant_tsc", "nonstop_tsc"}
    why = "packet times and latencies are counted in TSC cycles"
    if current == "tsc" and steady:
        yield Finding("clock", Status.OK, "clocksource tsc, constant and never stopping")
    elif current == "tsc":
        yield Finding("clock", Status.WARN, "tsc without constant_tsc and nonstop_tsc", why)
    else:
        command = f"echo tsc > {_CLOCK}/current_clocksource" if "tsc" in available else None
        yield Finding("clock", Status.WARN, f"clocksource {current or 'unknown'}", why, command)


def cpu_flags(host: Host) -> frozenset[str]:
    """Flags of the first CPU."""
    match = re.search(r"^flags\s*:(.*)$", host.text("/proc/cpuinfo") or "", re.M)
    return frozenset(match[1].split()) if match else frozenset()


def _worker_cpus(context: Context) -> tuple[int, ...]:
    return context.config.dataplane.worker_cpus if context.config else ()


def _list(cpus: list[int]) -> str:
    return ",".join(map(str, cpus))

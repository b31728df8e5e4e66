"""The workers' CPUs, and the isolation of all other processes from them.

systemd's cpusets isolate: units outside the data plane's slice may use only the other CPUs. The
setting is made at run time and does not survive a reboot.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from appliance.commands import Run
from appliance.config import NodeConfig
from appliance.host.files import Host
from appliance.host.steps import Step

UNITS = ("init.scope", "system.slice", "user.slice")
"""All units that systemd has at the root beside secbeat.slice, where the data plane runs."""
_RANGE_MAX = 8192


def steps(host: Host, config: NodeConfig, run: Run) -> Iterator[Step]:
    """Give each of `UNITS` the CPUs without a worker; no steps if all CPUs are workers'."""
    others = online(host) - set(worker_cpus(host, config))
    if not others:
        return
    wanted = ranges(others)
    for unit in UNITS:
        if host.text(f"/sys/fs/cgroup/{unit}/cpuset.cpus") != wanted:
            yield _step(run, unit, wanted)


def note(host: Host, config: NodeConfig) -> str:
    """A sentence about the distribution of the CPUs."""
    workers = worker_cpus(host, config)
    others = online(host) - set(workers)
    if not others:
        return f"CPU {ranges(workers)} is the workers' and everybody else's: nothing is set apart"
    return f"CPU {ranges(workers)} is the workers' alone, {ranges(others)} everybody else's"


def worker_cpus(host: Host, config: NodeConfig) -> tuple[int, ...]:
    """The CPUs that the data plane chooses: the configured ones, or the last available ones."""
    configured = config.dataplane.worker_cpus
    return configured or tuple(sorted(online(host))[-config.dataplane.lcores :])


def online(host: Host) -> set[int]:
    """CPUs that are online."""
    return parse_cpus(host.text("/sys/devices/system/cpu/online") or "")


def parse_cpus(text: str) -> set[int]:
    """Parse the kernel's notation of a set of CPUs, ``0-3,8``; invalid parts are left out."""
    cpus: set[int] = set()
    for match in re.finditer(r"(\d+)(?:-(\d+))?", text):
        first, last = int(match[1]), int(match[2] or match[1])
        cpus.update(range(first, min(last, first + _RANGE_MAX - 1) + 1))
    return cpus


def ranges(cpus: Iterable[int]) -> str:
    """The set in the kernel's notation."""
    parts: list[list[int]] = []
    for cpu in sorted(cpus):
        if parts and cpu == parts[-1][1] + 1:
            parts[-1][1] = cpu
        else:
            parts.append([cpu, cpu])
    return ",".join(f"{a}" if a == b else f"{a}-{b}" for a, b in parts)


def _step(run: Run, unit: str, cpus: str) -> Step:
    def do() -> None:
        run("systemctl", "set-property", "--runtime", unit, f"AllowedCPUs={cpus}")

    return Step(f"{unit} may use CPU {cpus}", do)

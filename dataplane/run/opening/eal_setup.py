"""EAL's command line from the settings: CPUs, packet memory, devices.

Uses the process's CPU affinity, the kernel's free hugepages, and the drivers that NICs are bound
to.
"""

from __future__ import annotations

import ctypes
import os
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dataplane.base.errors import ConfigurationError
from dataplane.base.settings import DataplaneSettings
from dataplane.dpdk.eal import Eal
from dataplane.native import abi
from dataplane.run.ports.data_ports import is_pci_address, pci_address
from dataplane.run.ports.vfio import Vfio

_RUNTIME_DIRECTORY = "RUNTIME_DIRECTORY"  # EAL tries it first, as root too
_HUGEPAGES = Path("/sys/kernel/mm/hugepages")
_VFIO = Vfio()


@dataclass(frozen=True)
class EalPlan:
    """The arguments of EAL, and facts about them for the operator."""

    arguments: tuple[str, ...]
    worker_cpus: tuple[int, ...]
    hugepages: bool

    @property
    def worker_lcores(self) -> tuple[int, ...]:
        """EAL's lcore numbers of the workers; 0 is the control loop."""
        return tuple(range(1, len(self.worker_cpus) + 1))


def plan(
    settings: DataplaneSettings,
    hugepages_root: Path = _HUGEPAGES,
    vfio: Vfio = _VFIO,
    made_later: frozenset[str] = frozenset(),
) -> EalPlan:
    """Make the plan; raises ConfigurationError naming the setting that can't be used.

    ``made_later``: devices that the caller creates itself once EAL runs.
    """
    allowed = os.sched_getaffinity(0)
    cpus = _worker_cpus(settings, allowed)
    huge_mib = _huge_mib(settings, hugepages_root)
    arguments = [
        *("--lcores", lcores_argument(allowed, cpus), "--main-lcore", "0"),
        *("--file-prefix", settings.file_prefix),
        *("--no-telemetry", "--log-level", "*:warning"),
        *(
            _without_hugepages(settings.memory_mib)
            if huge_mib is None
            else _with_hugepages(huge_mib)
        ),
        *_devices(settings.outside.device, settings.inside.device, made_later),
        *_address_mode(settings, vfio),
        *settings.eal_arguments,
    ]
    return EalPlan(tuple(arguments), cpus, huge_mib is not None)


def start_eal(library: ctypes.CDLL, eal_plan: EalPlan, run_directory: Path) -> Eal:
    """Start DPDK.

    EAL requires a directory for run-time files and, with this plan, leaves it empty: it gets a
    private one below ``run_directory`` during the start.
    """
    before = os.environ.get(_RUNTIME_DIRECTORY)
    with tempfile.TemporaryDirectory(prefix=".dpdk-", dir=run_directory) as directory:
        os.environ[_RUNTIME_DIRECTORY] = directory
        try:
            return Eal(library, eal_plan.arguments)
        finally:
            del os.environ[_RUNTIME_DIRECTORY]
            if before is not None:
                os.environ[_RUNTIME_DIRECTORY] = before


def lcores_argument(allowed: Iterable[int], worker_cpus: Sequence[int]) -> str:
    """EAL's ``--lcores``: each worker is pinned to its CPU, the control loop may use the others.

    If workers have all CPUs, the control loop may use these, and takes time from a worker.
    """
    others = sorted(set(allowed) - set(worker_cpus)) or sorted(allowed)
    floating = ",".join(map(str, others))
    workers = (f"{lcore}@{cpu}" for lcore, cpu in enumerate(worker_cpus, start=1))
    return ",".join((f"0@({floating})", *workers))


def _worker_cpus(settings: DataplaneSettings, allowed: set[int]) -> tuple[int, ...]:
    count = settings.lcores
    if not 1 <= count <= abi.LCORES_MAX:
        raise ConfigurationError(f"lcores: {count} is not between 1 and {abi.LCORES_MAX}")
    if not settings.worker_cpus:
        if count > len(allowed):
            raise ConfigurationError(f"lcores: {count}, but only {len(allowed)} CPUs are allowed")
        return tuple(sorted(allowed)[-count:])
    cpus = settings.worker_cpus
    if len(cpus) != count or len(set(cpus)) != count:
        raise ConfigurationError(f"worker_cpus: {list(cpus)} is not {count} different CPUs")
    if missing := set(cpus) - allowed:
        raise ConfigurationError(
            f"worker_cpus: {sorted(missing)} not among the allowed CPUs {sorted(allowed)}"
        )
    return cpus


def _huge_mib(settings: DataplaneSettings, root: Path) -> int | None:
    """The hugepage memory that EAL may use; None: it uses none.

    That is memory_mib in whole pages. EAL uses small pages first; if they are not enough, a large
    one must fit under the limit beside them.
    """
    if settings.hugepages == "off":
        return None
    free_mib = 0
    for page_mib, count in _pools(root):
        wanted_mib = -(-settings.memory_mib // page_mib) * page_mib
        if page_mib * count >= wanted_mib:
            return wanted_mib + free_mib
        free_mib += page_mib * count
    if settings.hugepages == "on":
        raise ConfigurationError(
            f"hugepages: {free_mib} MiB are free, memory_mib is {settings.memory_mib}; reserve some"
            ' (`secbeat host prepare`) or set hugepages = "auto"'
        )
    return None


def _pools(root: Path) -> list[tuple[int, int]]:
    """Size in MiB and number of free pages, small pages first."""
    found = []
    for directory in root.glob("hugepages-*kB"):
        size_kib = int(directory.name.removeprefix("hugepages-").removesuffix("kB"))
        free = int((directory / "free_hugepages").read_text(encoding="ascii"))
        found.append((size_kib // 1024, free))
    return sorted(found)


def _with_hugepages(mib: int) -> tuple[str, ...]:
    return ("--in-memory", "--socket-limit", str(mib))


def _without_hugepages(mib: int) -> tuple[str, ...]:
    return ("--no-huge", "--no-shconf", "-m", str(mib))


def _devices(outside: str, inside: str, made_later: frozenset[str]) -> list[str]:
    if outside == inside:
        raise ConfigurationError(f"ports: outside and inside are the same device {outside}")
    devices = [device for device in (outside, inside) if device not in made_later]
    physical = [pci_address(device) for device in devices if is_pci_address(device)]
    arguments = [] if physical else ["--no-pci"]
    for address in physical:
        arguments += ["-a", address]
    for device in devices:
        if not is_pci_address(device):
            arguments += ["--vdev", device]
    return arguments


def _address_mode(settings: DataplaneSettings, vfio: Vfio) -> tuple[str, ...]:
    """Behind an IOMMU, physical addresses, which an ordinary user can't read, are not needed."""
    devices = (settings.outside.device, settings.inside.device)
    physical = [pci_address(device) for device in devices if is_pci_address(device)]
    translated = [address for address in physical if vfio.has(address)]
    for address in translated:
        vfio.check(address, settings.memory_mib)
    return ("--iova-mode", "va") if physical and translated == physical else ()

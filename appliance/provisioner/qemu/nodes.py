"""Creates and destroys nodes, and reports how many more fit on the host."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from appliance.commands import run
from appliance.provisioner.qemu import machine, seed
from appliance.provisioner.qemu.configuration import QemuConfig
from appliance.provisioner.qemu.machine import MachineError

OVERHEAD_MIB = 256
"""Memory of QEMU itself, in addition to that of its machine."""
_MIB, _GIB = 1 << 20, 1 << 30
_MADE = "made"
"""A file in a node's folder that marks the end of all steps."""

Say = Callable[[str], None]


def create(config: QemuConfig, node: str, fleet: dict[str, Any], say: Say) -> dict[str, Any]:
    """Create a node that boots; a stopped one is started, an incomplete one is created again."""
    folder = config.directory / node
    if not folder.is_dir() and len(names(config)) >= config.host.nodes:
        raise MachineError(f"host.nodes is {config.host.nodes}, and there are as many")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    accelerated, why = machine.accelerator(config)
    if (folder / _MADE).exists():
        if not machine.processes(folder):
            say(f"switched on again under {accelerated}: {why}")
            machine.start(config, folder, accelerated)
        return {"node": node}
    _clear(folder)
    say(f"disk of {config.disk_gib} GiB over {config.image.name}")
    below = ("-b", str(config.image), "-F", "qcow2")
    disk = str(folder / "disk.qcow2")
    run("qemu-img", "create", "-q", "-f", "qcow2", *below, disk, f"{config.disk_gib}G")
    seed.write(folder / "seed.iso", config, node, fleet)
    say(f"switched on under {accelerated}: {why}")
    machine.start(config, folder, accelerated)
    (folder / _MADE).touch(mode=0o600)
    return {"node": node, "accelerator": accelerated}


def destroy(config: QemuConfig, node: str) -> dict[str, Any]:
    """Remove a node; a missing one, or one that the provider has not created, counts as removed."""
    folder = config.directory / node
    if not folder.is_dir():
        return {"node": node, "there": False}
    _clear(folder)
    folder.rmdir()
    return {"node": node, "there": True}


def names(config: QemuConfig) -> list[str]:
    """Names of the nodes that were begun and not removed."""
    if not config.directory.is_dir():
        return []
    return sorted(path.name for path in config.directory.iterdir() if path.is_dir())


def capacity(config: QemuConfig) -> dict[str, Any]:
    """The number of further nodes, and the limiting resource: number, CPUs, memory or disk."""
    machine.accelerator(config)
    there = names(config)
    memory_mib = _available_mib() - config.host.memory_reserve_mib
    disk_gib = _free_gib(config, there) - config.host.disk_reserve_gib
    cpus = config.host.all_cpus - len(there) * config.cpus
    needed_mib = config.memory_mib + OVERHEAD_MIB
    rooms = {
        f"host.nodes is {config.host.nodes}, and there are {len(there)}": (
            config.host.nodes - len(there)
        ),
        f"a node has {config.cpus} CPUs, {max(0, cpus)} of {config.host.all_cpus} are left": (
            cpus // config.cpus
        ),
        f"a node needs {needed_mib} MiB, {max(0, memory_mib)} MiB are for nodes": (
            memory_mib // needed_mib
        ),
        f"a node's disk may grow to {config.disk_gib} GiB, {max(0, disk_gib)} GiB are for nodes": (
            disk_gib // config.disk_gib
        ),
    }
    limit = min(rooms, key=lambda text: rooms[text])
    return {"free": max(0, rooms[limit]), "limit": limit}


def _clear(folder: Path) -> None:
    """Remove everything of a node except its name."""
    machine.stop(folder)
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def _available_mib() -> int:
    """Memory that the kernel could provide without swapping (proc(5), MemAvailable)."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) // 1024
    raise MachineError("/proc/meminfo does not say what memory is available")


def _free_gib(config: QemuConfig, there: list[str]) -> int:
    """Free space of the file system after all disks of existing nodes have grown to their full
    size."""
    below = next(path for path in (config.directory, *config.directory.parents) if path.exists())
    to_come = 0
    for name in there:
        disk = config.directory / name / "disk.qcow2"
        taken = disk.stat().st_blocks * 512 if disk.exists() else 0
        to_come += max(0, config.disk_gib * _GIB - taken)
    return (shutil.disk_usage(below).free - to_come) // _GIB

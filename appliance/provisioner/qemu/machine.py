"""The QEMU command line of a node, and its process.

The machine is that of ``docs/image.md``: q35 with a virtual IOMMU; management, outside and inside
in this order on the PCI bus. A process is recognised by its monitor socket, which is unique.
"""

from __future__ import annotations

import hashlib
import os
import select
import signal
from contextlib import suppress
from pathlib import Path

from appliance.commands import CommandError, run
from appliance.provisioner.qemu.configuration import QemuConfig
from dataplane.base.errors import SecBeatError

QEMU = "qemu-system-x86_64"
START_S = 60.0
END_S = 20.0
_KVM = Path("/dev/kvm")
_PLACES = {"management": 0x4, "outside": 0x5, "inside": 0x6}
_IOMMU = ",iommu_platform=on,disable-legacy=on"


class MachineError(SecBeatError):
    """A machine can't be started as requested, or does not end."""


def accelerator(config: QemuConfig) -> tuple[str, str]:
    """``kvm`` or ``tcg``, and the reason; raises `MachineError` if KVM is requested and not
    available."""
    if config.accelerator == "tcg":
        return "tcg", "qemu.toml asks for emulation"
    if os.access(_KVM, os.R_OK | os.W_OK):
        return "kvm", f"{_KVM} can be opened"
    if config.accelerator == "kvm":
        raise MachineError(f"{_KVM} is not there or may not be opened, and accelerator is 'kvm'")
    return "tcg", f"{_KVM} is not there or may not be opened"


def start(config: QemuConfig, folder: Path, accelerated: str) -> None:
    """Start a node; returns when QEMU has opened all of its resources. Raises `MachineError`."""
    try:
        run(*command(config, folder, accelerated), timeout_s=START_S)
    except CommandError as exc:  # the reason begins with the whole command line
        _, _, words = str(exc).rpartition("' failed: ")
        raise MachineError(f"QEMU does not start: {words}") from exc


def command(config: QemuConfig, folder: Path, accelerated: str) -> list[str]:
    """The whole command line; nothing here touches the system."""
    is_kvm = accelerated == "kvm"
    nics = config.networks.model_dump().items()
    return [
        *(QEMU, "-nodefaults", "-no-user-config", "-daemonize"),
        *("-name", f"secbeat-{folder.name}"),
        # The IOMMU remaps interrupts too; with KVM this needs a split interrupt controller.
        *("-machine", "q35,kernel-irqchip=split" if is_kvm else "q35"),
        *("-accel", "kvm" if is_kvm else "tcg,thread=multi"),
        *("-cpu", "host" if is_kvm else "max"),
        *("-smp", str(config.cpus), "-m", str(config.memory_mib)),
        # Without elevateprivileges=deny: with it -daemonize fails silently (QEMU 7.2).
        *("-sandbox", "on,obsolete=deny,resourcecontrol=deny"),
        *("-device", "intel-iommu,intremap=on,caching-mode=on,aw-bits=48"),
        *("-device", "virtio-rng-pci,addr=0x8"),
        *("-display", "none", "-vga", "std"),
        *("-chardev", f"socket,id=serial,path={folder}/serial.sock,server=on,wait=off"),
        *("-serial", "chardev:serial"),
        *("-qmp", f"unix:{monitor(folder)},server=on,wait=off"),
        *_disk("disk", folder / "disk.qcow2", "0x3,bootindex=0", "format=qcow2"),
        *_disk("seed", folder / "seed.iso", "0x7", "format=raw,readonly=on"),
        *(word for index, nic in enumerate(nics) for word in _nic(folder.name, index, *nic)),
    ]


def monitor(folder: Path) -> Path:
    """QEMU's own control socket (QMP)."""
    return folder / "monitor.sock"


def processes(folder: Path) -> list[int]:
    """Ids of the processes that run a folder's node: one, or none."""
    wanted = f"unix:{monitor(folder)},server=on,wait=off".encode()
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended
            if wanted in file.read_bytes().split(b"\0"):
                found.append(int(file.parent.name))
    return found


def stop(folder: Path) -> None:
    """Stop a node: QEMU closes its disk on SIGTERM. Raises `MachineError`."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in processes(folder):
            _end(pid, number)
    if left := processes(folder):
        raise MachineError(f"QEMU of node {folder.name!r}, process {left[0]}, does not end")


def _end(pid: int, number: int) -> None:
    """Signal a process and wait until it has ended, for at most `END_S`."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(descriptor, number)
        select.select([descriptor], [], [], END_S)
    finally:
        os.close(descriptor)


def _disk(name: str, path: Path, place: str, options: str) -> list[str]:
    return [
        *("-drive", f"if=none,id={name},file={path},{options}"),
        *("-device", f"virtio-blk-pci,drive={name},addr={place}"),
    ]


def _nic(node: str, index: int, name: str, network: str) -> list[str]:
    kind, _, bridge = network.partition(":")
    backend = {
        "user": f"user,id={name}",
        "isolated": f"hubport,id={name},hubid={index}",  # a hub with nothing else on it
        "bridge": f"bridge,id={name},br={bridge}",
    }[kind]
    device = (
        f"virtio-net-pci,netdev={name},mac={mac(node, index)},addr=0x{_PLACES[name]:x},romfile="
    )
    return ["-netdev", backend, "-device", device + ("" if name == "management" else _IOMMU)]


def mac(node: str, index: int) -> str:
    """MAC address of a node's NIC: the same at each start, different for each node's name."""
    digest = hashlib.sha256(node.encode()).digest()
    return f"52:54:{digest[0]:02x}:{digest[1]:02x}:{digest[2]:02x}:{index:02x}"

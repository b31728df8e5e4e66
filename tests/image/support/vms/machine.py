"""The QEMU command line of one virtual machine; nothing here touches the system.

A q35 machine with a virtual IOMMU. The devices' places on the PCI bus are fixed, so that ``nic:0``
is always the management NIC and the data NICs follow. Every forward is on 127.0.0.1.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

FORWARD_HOST = "127.0.0.1"
LEASE = "10.0.2.15"
"""What QEMU's DHCP server gives a machine."""
GATEWAY = "10.0.2.2"
"""Of QEMU's user network: to the machine it is the host's 127.0.0.1."""
MANAGEMENT_MAC = "52:54:00:00:01:00"
DATA_PLACE = 0x5
"""Of the first data NIC on the PCI bus; the second follows."""
OVMF_CODE = Path("/usr/share/OVMF/OVMF_CODE_4M.fd")
OVMF_VARIABLES = Path("/usr/share/OVMF/OVMF_VARS_4M.fd")


class Firmware(enum.StrEnum):
    """What starts the boot loader."""

    BIOS = "bios"
    UEFI = "uefi"


@dataclass(frozen=True)
class Forward:
    """A TCP port of the host's loopback address that leads to one of the machine."""

    host_port: int
    guest_port: int


class NicModel(enum.StrEnum):
    """What a data NIC is: QEMU's device with its options."""

    VIRTIO = "virtio-net-pci,iommu_platform=on,disable-legacy=on"
    TWO_QUEUES = f"{VIRTIO},mq=on,vectors=6"
    NO_CHECKSUMS = f"{VIRTIO},csum=off,guest_csum=off"
    E1000 = "e1000"
    E1000E = "e1000e"
    VMXNET3 = "vmxnet3"

    @property
    def queues(self) -> int:
        """Each is a descriptor of the tap."""
        return 2 if self is NicModel.TWO_QUEUES else 1


@dataclass(frozen=True)
class DataNic:
    """A NIC behind the IOMMU, on a tap that is open already: one descriptor for each queue."""

    name: str
    mac: str
    descriptors: tuple[int, ...]
    model: NicModel = NicModel.VIRTIO


@dataclass(frozen=True)
class Machine:
    """Everything that the command line depends on."""

    disk: Path
    """A qcow2 overlay: the image below it is never written."""
    directory: Path
    """Holds serial log and sockets; at most 80 characters, as names of sockets are short."""
    firmware: Firmware = Firmware.BIOS
    accelerator: Literal["tcg", "kvm"] = "tcg"
    variables: Path | None = None
    """A writable copy of `OVMF_VARIABLES`, with UEFI."""
    seed: Path | None = None
    forwards: tuple[Forward, ...] = ()
    address: str = LEASE
    """Where the forwards lead; QEMU does not find out by itself."""
    data_nics: tuple[DataNic, ...] = ()
    cpus: int = 2
    memory_mib: int = 2048

    @property
    def serial_log(self) -> Path:
        """All that the serial console has shown."""
        return self.directory / "serial.log"

    @property
    def serial_socket(self) -> Path:
        """The serial console, to type on."""
        return self.directory / "serial.sock"

    @property
    def monitor_socket(self) -> Path:
        """QEMU's own control socket (QMP)."""
        return self.directory / "monitor.sock"

    @property
    def descriptors(self) -> tuple[int, ...]:
        """File descriptors that QEMU inherits."""
        return tuple(fd for nic in self.data_nics for fd in nic.descriptors)

    def command(self) -> list[str]:
        """The whole command line."""
        return [
            *("qemu-system-x86_64", "-nodefaults", "-no-user-config"),
            *self._board(),
            *self._firmware(),
            *self._consoles(),
            *self._disk("disk", self.disk, "0x3", "format=qcow2"),
            *self._management(),
            *(word for index, nic in enumerate(self.data_nics) for word in _data(index, nic)),
            *self._seed(),
        ]

    def _board(self) -> list[str]:
        # The IOMMU remaps interrupts too: VFIO then needs no allow_unsafe_interrupts. With KVM that
        # asks for an interrupt controller that is split between kernel and QEMU.
        kvm = self.accelerator == "kvm"
        return [
            *("-machine", "q35,kernel-irqchip=split" if kvm else "q35"),
            *("-accel", "kvm" if kvm else "tcg,thread=multi"),
            *("-cpu", "host" if kvm else "max"),
            *("-smp", str(self.cpus), "-m", str(self.memory_mib)),
            *("-device", "intel-iommu,intremap=on,caching-mode=on,aw-bits=48"),
            *("-device", "virtio-rng-pci,addr=0x8"),
        ]

    def _firmware(self) -> list[str]:
        if self.firmware is Firmware.BIOS:
            return []
        if self.variables is None:
            raise ValueError("a machine with UEFI needs a copy of the firmware's variables")
        flash = "if=pflash,format=raw"
        return [
            *("-drive", f"{flash},unit=0,readonly=on,file={OVMF_CODE}"),
            *("-drive", f"{flash},unit=1,file={self.variables}"),
        ]

    def _consoles(self) -> list[str]:
        serial = f"socket,id=serial,path={self.serial_socket},server=on,wait=off"
        return [
            *("-display", "none", "-vga", "std"),
            *("-chardev", f"{serial},logfile={self.serial_log},logappend=on"),
            *("-serial", "chardev:serial"),
            *("-qmp", f"unix:{self.monitor_socket},server=on,wait=off"),
        ]

    def _management(self) -> list[str]:
        forwards = "".join(
            f",hostfwd=tcp:{FORWARD_HOST}:{forward.host_port}-{self.address}:{forward.guest_port}"
            for forward in self.forwards
        )
        device = f"virtio-net-pci,netdev=management,mac={MANAGEMENT_MAC},addr=0x4,romfile="
        return ["-netdev", f"user,id=management{forwards}", "-device", device]

    def _seed(self) -> list[str]:
        return [] if self.seed is None else self._disk("seed", self.seed, "0x7", _READ_ONLY)

    @staticmethod
    def _disk(name: str, path: Path, place: str, options: str) -> list[str]:
        order = ",bootindex=0" if name == "disk" else ""
        return [
            *("-drive", f"if=none,id={name},file={path},{options}"),
            *("-device", f"virtio-blk-pci,drive={name},addr={place}{order}"),
        ]


_READ_ONLY = "format=raw,readonly=on"


def _data(index: int, nic: DataNic) -> list[str]:
    fds = ":".join(map(str, nic.descriptors))
    place = f"netdev={nic.name},mac={nic.mac},addr=0x{DATA_PLACE + index:x},romfile="
    kind, comma, options = nic.model.partition(",")
    return [
        *("-netdev", f"tap,id={nic.name},{'fds' if ':' in fds else 'fd'}={fds}"),
        *("-device", f"{kind},{place}{comma}{options}"),
    ]

"""A host made of files: a healthy node on bare metal, which tests change."""

from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path
from typing import Any

FLAGS = "cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3 avx2 constant_tsc nonstop_tsc"
NIC, OTHER_NIC = "0000:01:00.0", "0000:01:00.1"
IXGBE = {"name": "net_ixgbe", "kmod": "* igb_uio | uio_pci_generic | vfio-pci"} | {
    "pci_ids": [[0x8086, 0x10FB, 0xFFFF, 0xFFFF]]
}
MLX5 = {"name": "mlx5_pci", "kmod": "* ib_uverbs & mlx5_core & mlx5_ib"} | {
    "pci_ids": [[0x15B3, 0x1017, 0xFFFF, 0xFFFF]]
}
AF_PACKET = {"name": "net_af_packet", "params": "iface=<string>", "pci_ids": []}
PMDS = "usr/lib/x86_64-linux-gnu/dpdk/pmds-23.0"


class FakeHost:
    """Files below ``root``; ``healthy()`` writes those of a host without a single finding."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, path: str, text: str = "") -> None:
        """Write a file, with the directories above it."""
        place = self.root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)

    def link(self, path: str, target: str) -> None:
        """Write a symbolic link."""
        place = self.root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        place.symlink_to(target)

    def remove(self, path: str) -> None:
        """Remove a file or link."""
        (self.root / path.lstrip("/")).unlink()

    def add_nic(
        self, address: str, driver: str | None, ids: str = "8086:10fb", node: int = 0
    ) -> None:
        """A network function on the PCI bus, in an IOMMU group of its own."""
        place = f"/sys/bus/pci/devices/{address}"
        vendor, device = ids.split(":")
        for name, text in (
            ("class", "0x020000"),
            ("vendor", f"0x{vendor}"),
            ("device", f"0x{device}"),
            ("subsystem_vendor", "0x8086"),
            ("subsystem_device", "0x0003"),
            ("numa_node", str(node)),
            ("driver_override", "(null)"),
        ):
            self.write(f"{place}/{name}", text + "\n")
        if driver:
            self.link(f"{place}/driver", f"../../../bus/pci/drivers/{driver}")
        group = str(int(address[5:7], 16) * 10 + int(address[-1]))
        self.join_group(address, group)

    def remove_nic(self, address: str) -> None:
        """Remove a function, and its IOMMU group."""
        group = (self.root / f"sys/bus/pci/devices/{address}/iommu_group").readlink().name
        shutil.rmtree(self.root / f"sys/kernel/iommu_groups/{group}")
        shutil.rmtree(self.root / f"sys/bus/pci/devices/{address}")

    def join_group(self, address: str, group: str) -> None:
        """Put a function into an IOMMU group."""
        for device in (self.root / "sys/kernel/iommu_groups").glob(f"*/devices/{address}"):
            device.unlink()
        self.link(
            f"/sys/bus/pci/devices/{address}/iommu_group", f"../../kernel/iommu_groups/{group}"
        )
        self.write(f"/sys/kernel/iommu_groups/{group}/devices/{address}")

    def add_interface_of(self, address: str, name: str, mac: str, bus: str = "") -> None:
        """Add the kernel interface of a NIC, optionally below ``virtio0`` or another bus."""
        place = f"/sys/bus/pci/devices/{address}/{bus}/net/{name}".replace("//", "/")
        self.write(f"{place}/address", mac + "\n")

    def without_iommu(self) -> None:
        """Remove all IOMMU groups, as if the kernel had found no IOMMU."""
        shutil.rmtree(self.root / "sys/kernel/iommu_groups", ignore_errors=True)
        for device in (self.root / "sys/bus/pci/devices").iterdir():
            (device / "iommu_group").unlink(missing_ok=True)

    def add_interface(self, name: str, flags: int = 0x1003, mtu: int = 1500) -> None:
        """Add a kernel interface."""
        self.write(f"/sys/class/net/{name}/flags", f"{flags:#x}\n")
        self.write(f"/sys/class/net/{name}/mtu", f"{mtu}\n")

    def add_pmd(self, library: str, *infos: dict[str, Any]) -> None:
        """Add a DPDK driver: a shared library that only has read-only data."""
        place = self.root / PMDS / f"{library}.so.23.0"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(elf_with_pmd_info(*infos))
        self.link(f"{PMDS}/{library}.so.23", place.name)

    def listen(self, address: str, inode: int, pid: int | None = None, command: str = "") -> None:
        """Add a listening socket as in /proc/net/tcp (``0100007F:270F``), and the process that
        holds it."""
        row = (
            f"   0: {address} 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 {inode} 1"
        )
        self.write("/proc/net/tcp", f"  sl  local_address ...\n{row}\n")
        if pid:
            self.link(f"/proc/{pid}/fd/3", f"socket:[{inode}]")
            self.write(f"/proc/{pid}/cmdline", command.replace(" ", "\0"))

    def run_node(self, pid: int, command: str, memory_mib: int = 0, hugepages_mib: int = 0) -> None:
        """Add a process and the memory that it uses."""
        self.write(f"/proc/{pid}/cmdline", command.replace(" ", "\0") + "\0")
        held = f"RssAnon:\t  {memory_mib << 10} kB\nHugetlbPages:\t   {hugepages_mib << 10} kB\n"
        self.write(f"/proc/{pid}/status", f"Name:\tpython3\n{held}")

    def healthy(self) -> None:
        """Write the files of a node on bare metal without any finding."""
        self.write("/proc/cpuinfo", f"vendor_id : GenuineIntel\nflags\t\t: {FLAGS} avx512f\n")
        self.write("/proc/meminfo", "MemTotal: 16000000 kB\nMemAvailable:   8000000 kB\n")
        self.write("/proc/self/limits", "Max locked memory  unlimited  unlimited  bytes\n")
        self.write("/proc/cmdline", "quiet intel_iommu=on iommu=pt\n")
        self.write("/sys/devices/system/cpu/online", "0-3\n")
        self.write("/sys/devices/system/cpu/isolated", "2-3\n")
        clock = "/sys/devices/system/clocksource/clocksource0"
        self.write(f"{clock}/current_clocksource", "tsc\n")
        self.write(f"{clock}/available_clocksource", "tsc hpet\n")
        pages = "/sys/kernel/mm/hugepages/hugepages-2048kB"
        self.write(f"{pages}/nr_hugepages", "64\n")
        self.write(f"{pages}/free_hugepages", "64\n")
        for module in ("vfio_pci", "uio_pci_generic"):
            self.write(f"/sys/module/{module}/refcnt", "0\n")
        self.add_nic(NIC, "vfio-pci")
        self.add_nic(OTHER_NIC, "vfio-pci")
        self.add_pmd("librte_net_ixgbe", IXGBE)
        self.add_pmd("librte_net_af_packet", AF_PACKET)
        self.write("/usr/lib/x86_64-linux-gnu/librte_eal.so.23")
        self.write("/usr/lib/x86_64-linux-gnu/pkgconfig/libdpdk.pc", "Version: 22.11.9\n")
        self.write("/etc/passwd", "root:x:0:0::/root:/bin/sh\nsecbeat:x:1::\nsecbeat-dp:x:2::\n")
        self.write("/proc/net/tcp", "  sl  local_address ...\n")


def elf_with_pmd_info(*infos: dict[str, Any]) -> bytes:
    """A 64-bit ELF file with only ``.rodata`` and the section names (gABI, ch. 4)."""
    rodata = b"\0".join(b"PMD_INFO_STRING= " + json.dumps(i).encode() for i in infos) + b"\0"
    names = b"\0.rodata\0.shstrtab\0"
    header_size, section_size = 64, 64
    names_offset = header_size + len(rodata)
    table = names_offset + len(names)
    identification = b"\x7fELF\x02\x01\x01" + bytes(9)
    header = identification + struct.pack(
        "<HHIQQQIHHHHHH",
        *(3, 62, 1, 0, 0, table, 0, header_size, 0, 0, section_size, 3, 2),
    )
    section = struct.Struct("<IIQQQQIIQQ")
    sections = (
        section.pack(0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
        + section.pack(1, 1, 2, 0, header_size, len(rodata), 0, 0, 1, 0)
        + section.pack(9, 3, 0, 0, names_offset, len(names), 0, 0, 1, 0)
    )
    return header + rodata + names + sections

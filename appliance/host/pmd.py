"""The devices that the installed DPDK drivers support, read from the drivers' files.

Every driver carries ``PMD_INFO_STRING= {json}`` in its read-only data (rte_pmd_info, written by
DPDK's buildtools/pmdinfogen.py): its name, kernel modules, parameters and PCI device table. Nothing
is loaded or run.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

from appliance.host.files import Host
from appliance.host.pci import PciId

_INFO = re.compile(rb"PMD_INFO_STRING= (\{[^\0]*\})\0")
_FOLDERS = (
    "/usr/lib/*/dpdk/pmds-*/librte_net_*.so*",
    "/usr/lib64/dpdk/pmds-*/librte_net_*.so*",
    "/usr/local/lib/*/dpdk/pmds-*/librte_net_*.so*",
)
_FILES_MAX = 1024


@dataclass(frozen=True)
class Pmd:
    """One poll mode driver."""

    name: str
    file: str
    kernel_modules: str
    """In the driver's notation: ``*`` any, ``|`` or, ``&`` and; empty: needs none."""
    pci_ids: tuple[PciId, ...]

    @property
    def bifurcated(self) -> bool:
        """Whether the driver works on top of the kernel's driver instead of taking the device from
        it."""
        modules = self.kernel_modules
        return bool(modules) and "vfio" not in modules and "uio_pci" not in modules

    def supports(self, device: PciId) -> bool:
        """Whether the driver's device table includes a device."""
        return any(entry.supports(device) for entry in self.pci_ids)


def installed_pmds(host: Host) -> tuple[Pmd, ...]:
    """All network drivers installed below the host's root, by name."""
    files = {path.resolve() for pattern in _FOLDERS for path in host.glob(pattern)}
    pmds = {pmd for file in sorted(files)[:_FILES_MAX] for pmd in read_pmds(file)}
    return tuple(sorted(pmds, key=lambda pmd: (pmd.name, pmd.file)))


def read_pmds(file: Path) -> list[Pmd]:
    """The drivers in one shared library; none if it isn't one, or can't be read."""
    try:
        with file.open("rb") as stream:
            section = ELFFile(stream).get_section_by_name(".rodata")
            content = section.data() if section else b""
    except (OSError, ELFError):
        return []
    found = (_parse(match.group(1), file.name) for match in _INFO.finditer(content))
    return [pmd for pmd in found if pmd]


def pmd_of_vdev(name: str, pmds: tuple[Pmd, ...]) -> Pmd | None:
    """The driver of a virtual device: DPDK compares the beginning of the device's name.

    The older prefix ``eth_`` is an alias that drivers do not write into their files.
    """
    if name.startswith("eth_"):
        name = "net_" + name.removeprefix("eth_")
    matching = [pmd for pmd in pmds if name.startswith(pmd.name)]
    return max(matching, key=lambda pmd: len(pmd.name), default=None)


def package_of(library: str, abi: str) -> str:
    """Debian's package of a driver: librte_net_af_packet of ABI 23 is librte-net-af-packet23."""
    name = library.replace("_", "-")
    return f"{name}-{abi}" if name[-1:].isdigit() else f"{name}{abi}"


def _parse(text: bytes, file: str) -> Pmd | None:
    try:
        info: dict[str, Any] = json.loads(text)
        ids = tuple(PciId(*map(int, entry)) for entry in info.get("pci_ids", ()))
        return Pmd(str(info["name"]), file, str(info.get("kmod", "")), ids)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None

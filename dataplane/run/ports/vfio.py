"""NICs behind an IOMMU with vfio-pci: checks what an ordinary user needs to use them.

DPDK reports only which call has failed. This module opens no device.
"""

from __future__ import annotations

import os
import resource
from dataclasses import dataclass
from pathlib import Path

from dataplane.base.errors import ConfigurationError

DRIVER = "vfio-pci"


@dataclass(frozen=True)
class Vfio:
    """The kernel's directories of its devices; tests use others."""

    pci: Path = Path("/sys/bus/pci/devices")
    nodes: Path = Path("/dev/vfio")

    def has(self, address: str) -> bool:
        """Whether vfio-pci has the device."""
        return _link_name(self.pci / address / "driver") == DRIVER

    def check(self, address: str, memory_mib: int) -> None:
        """ConfigurationError: this user may not open the device, or not lock the packet memory."""
        group = _link_name(self.pci / address / "iommu_group")
        for node in (self.nodes / "vfio", self.nodes / str(group)):
            if not os.access(node, os.R_OK | os.W_OK):
                raise ConfigurationError(
                    f"{address}: {node} can't be opened by this user; `secbeat host nics` gives it "
                    "to the group of dataplane.user"
                )
        limit, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
        enough = limit == resource.RLIM_INFINITY or limit >= memory_mib << 20
        if not enough and os.geteuid() != 0:
            raise ConfigurationError(
                f"{address}: locked memory is limited to {limit >> 20} MiB, memory_mib is "
                f"{memory_mib}; LimitMEMLOCK=infinity in the unit, or `ulimit -l unlimited`"
            )


def _link_name(link: Path) -> str | None:
    try:
        return link.readlink().name
    except OSError:
        return None

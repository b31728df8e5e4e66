"""Network devices on the PCI bus, as sysfs shows them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from appliance.config import NodeConfig
from appliance.doctor.context import Host
from appliance.doctor.pmd import PciId

DEVICES = "/sys/bus/pci/devices"
USER_SPACE_DRIVERS = ("vfio-pci", "uio_pci_generic", "igb_uio")
_ADDRESS = re.compile(r"(?:([0-9a-fA-F]{4}):)?([0-9a-fA-F]{2}:[0-9a-fA-F]{2}\.[0-7])")


@dataclass(frozen=True)
class Nic:
    """One PCI function of class network."""

    address: str
    pci_id: PciId
    driver: str | None
    numa_node: int | None
    """None where the host has one node or doesn't say."""
    interfaces: tuple[str, ...]
    """Kernel interfaces on it."""


def nics(host: Host) -> list[Nic]:
    """All network functions, by address."""
    addresses = host.names(DEVICES)
    return [nic for address in addresses if (nic := read_nic(host, address)) is not None]


def read_nic(host: Host, address: str) -> Nic | None:
    """The network function at a full PCI address, if there is one."""
    place = f"{DEVICES}/{address}"
    if not (host.text(f"{place}/class") or "").startswith("0x02"):
        return None
    vendor, device, subsystem_vendor, subsystem_device = (
        host.number(f"{place}/{name}") or 0
        for name in ("vendor", "device", "subsystem_vendor", "subsystem_device")
    )
    node = host.number(f"{place}/numa_node")
    return Nic(
        address,
        PciId(vendor, device, subsystem_vendor, subsystem_device),
        host.link_name(f"{place}/driver"),
        None if node is None or node < 0 else node,
        _interfaces(host, place),
    )


def _interfaces(host: Host, place: str) -> tuple[str, ...]:
    """Kernel interfaces; a virtio device has a bus of its own in between."""
    buses = [name for name in host.names(place) if name.startswith("virtio")]
    folders = [f"{place}/net", *(f"{place}/{bus}/net" for bus in buses)]
    return tuple(name for folder in folders for name in host.names(folder))


def pci_address(device: str) -> str | None:
    """The full address if a configured device is on the PCI bus (``01:00.0`` has domain 0000)."""
    match = _ADDRESS.fullmatch(device.partition(",")[0])
    return f"{match[1] or '0000'}:{match[2]}".lower() if match else None


def wants_pci(config: NodeConfig | None) -> bool:
    """Whether a configured port is a PCI device."""
    if config is None:
        return False
    return any(pci_address(port.device) for port in (config.ports.outside, config.ports.inside))

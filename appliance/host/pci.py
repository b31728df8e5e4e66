"""Network devices on the PCI bus, as sysfs shows them."""

from __future__ import annotations

from dataclasses import dataclass

from appliance.host.files import Host

DEVICES = "/sys/bus/pci/devices"
USER_SPACE_DRIVERS = ("vfio-pci", "uio_pci_generic", "igb_uio")
_NETWORK, _ETHERNET = "0x02", "0x0200"
"""Base class, and base class with subclass (PCI Code and ID Assignment, section 1.3)."""


_ANY_ID = 0xFFFF


@dataclass(frozen=True)
class PciId:
    """Vendor and device, and the subsystem's; 0xffff in a driver's table stands for any."""

    vendor: int
    device: int
    subsystem_vendor: int = _ANY_ID
    subsystem_device: int = _ANY_ID

    def __str__(self) -> str:
        return f"{self.vendor:04x}:{self.device:04x}"

    def supports(self, other: PciId) -> bool:
        """Whether this line of a driver's table includes a device."""
        return (
            self.vendor == other.vendor
            and self.device == other.device
            and self.subsystem_vendor in (_ANY_ID, other.subsystem_vendor)
            and self.subsystem_device in (_ANY_ID, other.subsystem_device)
        )


@dataclass(frozen=True)
class Nic:
    """One PCI function of class network."""

    address: str
    pci_id: PciId
    driver: str | None
    numa_node: int | None
    """None if the host has one node, or does not report it."""
    interfaces: tuple[str, ...]
    """Kernel interfaces on it."""
    macs: tuple[str, ...] = ()
    """MAC addresses; none while the function has another driver than the kernel's own."""
    is_ethernet: bool = True

    @property
    def place(self) -> str:
        """The function's directory in sysfs."""
        return f"{DEVICES}/{self.address}"

    @property
    def is_in_user_space(self) -> bool:
        """Whether the function's driver gives it to user space, for example for DPDK."""
        return self.driver in USER_SPACE_DRIVERS

    @property
    def must_be_given_back(self) -> bool:
        """Whether the function does not have the kernel's own driver."""
        return self.driver is None or self.is_in_user_space

    def __str__(self) -> str:
        return f"{self.address} ({self.pci_id})"


def nics(host: Host) -> list[Nic]:
    """All network functions, by address."""
    addresses = host.names(DEVICES)
    return [nic for address in addresses if (nic := read_nic(host, address)) is not None]


def read_nic(host: Host, address: str) -> Nic | None:
    """The network function at a full PCI address, if there is one."""
    place = f"{DEVICES}/{address}"
    kind = host.text(f"{place}/class") or ""
    if not kind.startswith(_NETWORK):
        return None
    vendor, device, subsystem_vendor, subsystem_device = (
        host.number(f"{place}/{name}") or 0
        for name in ("vendor", "device", "subsystem_vendor", "subsystem_device")
    )
    node = host.number(f"{place}/numa_node")
    interfaces = _interfaces(host, place)
    macs = (host.text(f"{interface}/address") for interface in interfaces)
    return Nic(
        address=address,
        pci_id=PciId(vendor, device, subsystem_vendor, subsystem_device),
        driver=host.link_name(f"{place}/driver"),
        numa_node=None if node is None or node < 0 else node,
        interfaces=tuple(interface.rpartition("/")[2] for interface in interfaces),
        macs=tuple(mac.lower() for mac in macs if mac),
        is_ethernet=kind.startswith(_ETHERNET),
    )


def _interfaces(host: Host, place: str) -> list[str]:
    """Kernel interfaces' directories; a virtio device has a bus of its own in between."""
    buses = [name for name in host.names(place) if name.startswith("virtio")]
    folders = [f"{place}/net", *(f"{place}/{bus}/net" for bus in buses)]
    return [f"{folder}/{name}" for folder in folders for name in host.names(folder)]

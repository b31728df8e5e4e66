"""The forms of a NIC or a virtual port in the configuration.

``0000:01:00.0`` (PCI address), ``mac:52:54:00:00:01:01``, ``nic:1`` (the second Ethernet function
in PCI order), anything else is a DPDK vdev; for the management NIC also a kernel interface.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

NICS_MAX = 256
"""Number of Ethernet functions that ``nic:N`` can address."""
_PCI = re.compile(r"(?:([0-9a-fA-F]{4,8}):)?([0-9a-fA-F]{2}:[0-9a-fA-F]{2}\.[0-7])")
_MAC = re.compile(r"[0-9a-fA-F]{2}(?::[0-9a-fA-F]{2}){5}")
_INTERFACE = re.compile(r"(?!\.{1,2}$)[!-.0-9;-~]{1,15}")
"""IFNAMSIZ less one, neither slash nor colon nor white space (dev_valid_name of the kernel)."""


class Kind(StrEnum):
    """The form of a device's name."""

    PCI = "PCI address"
    MAC = "MAC address"
    ORDER = "order"
    INTERFACE = "interface"
    VIRTUAL = "vdev"


@dataclass(frozen=True)
class Device:
    """A parsed device string; ``value`` is equal for two strings for the same device."""

    kind: Kind
    value: str

    @property
    def is_nic(self) -> bool:
        """Whether the string names a function on the PCI bus."""
        return self.kind in (Kind.PCI, Kind.MAC, Kind.ORDER)

    @property
    def needs_resolution(self) -> bool:
        """Whether only `secbeat host nics` can find its PCI address."""
        return self.kind in (Kind.MAC, Kind.ORDER)


def data_device(text: str) -> Device:
    """Parse ``ports.*.device``; ValueError: invalid text after mac: or nic:."""
    return _nic(text) or Device(Kind.VIRTUAL, text.split(",", 1)[0].lower())


def management_device(text: str) -> Device:
    """Parse ``management.nic``; ValueError names the permitted forms."""
    found = _nic(text)
    if found is not None:
        return found
    if _INTERFACE.fullmatch(text) is None:
        raise ValueError("must be a PCI address, mac:ADDRESS, nic:N, or a kernel interface")
    return Device(Kind.INTERFACE, text)


def pci_address(text: str) -> str | None:
    """The full address if a device string begins with one (``01:00.0`` has domain 0000)."""
    match = _PCI.fullmatch(text.partition(",")[0])
    return f"{match[1] or '0000'}:{match[2]}".lower() if match else None


def _nic(text: str) -> Device | None:
    form, _, rest = text.partition(":")
    if form == "mac":
        if _MAC.fullmatch(rest) is None:
            raise ValueError("must be six bytes after mac:, such as mac:52:54:00:00:01:01")
        return Device(Kind.MAC, rest.lower())
    if form == "nic":
        if not (rest.isascii() and rest.isdigit() and len(rest) <= len(str(NICS_MAX))):
            raise ValueError(f"must be a number after nic:, at most {NICS_MAX - 1}")
        if int(rest) >= NICS_MAX:
            raise ValueError(f"must be at most nic:{NICS_MAX - 1}")
        return Device(Kind.ORDER, str(int(rest)))
    address = pci_address(text)
    return Device(Kind.PCI, address) if address else None

"""The two data ports: outside and inside, from device strings to started devices.

Used by the control loop before launch and after the last worker has returned; in between only
``read`` is called, and what ``links`` has.
"""

from __future__ import annotations

import ctypes
import re
from contextlib import ExitStack
from typing import Self

from dataplane.base.errors import ConfigurationError, NativeError
from dataplane.base.settings import PortSettings
from dataplane.dpdk.ethdev import EthernetDevice, Limits
from dataplane.dpdk.mempool import PacketPool
from dataplane.native import abi
from dataplane.run.links.duty import PortLink
from dataplane.run.links.kernel import KernelLink
from dataplane.run.ports.packet_sockets import drops_of
from dataplane.run.ports.vdev import QUEUE_ARGUMENTS, interface_of, reason

_PCI_ADDRESS = re.compile(r"(?:[0-9a-fA-F]{4,8}:)?[0-9a-fA-F]{2}:[0-9a-fA-F]{2}\.[0-7]")
_FRAME_OVERHEAD_BYTES = 22  # Ethernet header and two VLAN tags
_ROOM_BYTES_MIN = 2048
_READ = ("missed", "errors", "no_mbuf", "tx_errors", "link_up", "speed_mbps")
"""What of a device's statistics is read; the rest belongs to `dataplane.run.links.duty`."""
_MTU_RANGE = (1280, 16_000)  # RFC 8200, section 5; above every device's jumbo frame


def is_pci_address(device: str) -> bool:
    """``0000:01:00.0`` or ``01:00.0``; anything else is a vdev string."""
    return _PCI_ADDRESS.fullmatch(device) is not None


def pci_address(device: str) -> str:
    """With its domain, as EAL names it."""
    return device.lower() if device.count(":") > 1 else f"0000:{device.lower()}"


def device_name(device: str) -> str:
    """EAL's name of a device string."""
    return pci_address(device) if is_pci_address(device) else device.split(",", 1)[0]


def room_bytes(mtu: int) -> int:
    """Buffer for one frame of that MTU, at least 2 KiB, a multiple of 64."""
    return max(_ROOM_BYTES_MIN, -(-(mtu + _FRAME_OVERHEAD_BYTES) // 64) * 64)


class DataPorts:
    """Both devices, configured with one queue per lcore; their packets lie in the pool."""

    def __init__(
        self,
        library: ctypes.CDLL,
        outside: PortSettings,
        inside: PortSettings,
        pool: PacketPool,
        lcores: int,
        descriptors: int,
    ) -> None:
        """``descriptors``: of each queue."""
        self.devices: list[EthernetDevice] = []
        wanted = (outside, inside)
        interfaces = [interface_of(port.device) for port in wanted]
        self._kernel_links = [KernelLink(name) if name else None for name in interfaces]
        with ExitStack() as opened:
            for port in abi.Port:
                device = _find(library, port, wanted[port].device)
                self.devices.append(opened.enter_context(device))
            limits = [device.limits() for device in self.devices]
            for port in abi.Port:
                _check_limits(limits[port], port, wanted[port], lcores)
            for device, settings in zip(self.devices, wanted, strict=True):
                device.configure(lcores, descriptors, settings.mtu, pool)
            self._drops = [drops_of(name) for name in interfaces]
            for drops in self._drops:
                opened.callback(drops.close)
            self._opened = opened.pop_all()

    @property
    def port_ids(self) -> tuple[int, int]:
        """DPDK's numbers, outside first."""
        return self.devices[0].port_id, self.devices[1].port_id

    @property
    def links(self) -> list[PortLink]:
        """Who sets the link of each: its driver, or the kernel where it sits on an interface."""
        return [
            device if kernel is None else kernel
            for device, kernel in zip(self.devices, self._kernel_links, strict=True)
        ]

    def start(self) -> None:
        """Begin to receive: from now on somebody must poll."""
        for device in self.devices:
            device.start()

    def read(self, header: abi.StatsHeader) -> None:
        """Copy the drivers' counters and links into the page.

        A driver on a kernel's interface always has a link, and counts nothing that the interface
        drops: both are asked for.
        """
        each = zip(self.devices, self._drops, self._kernel_links, header.device, strict=True)
        for device, drops, kernel, out in each:
            found = abi.DeviceStats()
            if not device.read(ctypes.addressof(found)):
                continue
            found.missed += drops.total()
            is_up = None if kernel is None else kernel.is_up()
            if is_up is not None:
                found.link_up = int(is_up)
            # Readers look at any time: each word goes from one value to the next.
            for name in _READ:
                setattr(out, name, getattr(found, name))

    def close(self) -> None:
        """Stop both, then close both; may be called again."""
        self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _find(library: ctypes.CDLL, port: abi.Port, device: str) -> EthernetDevice:
    name, key = device_name(device), f"ports.{port.name.lower()}.device"
    try:
        return EthernetDevice(library, name)
    except NativeError as error:
        if not is_pci_address(device):
            what = f"{key}: DPDK has not made {device}: {reason(device)}"
            raise ConfigurationError(what) from error
        raise ConfigurationError(
            f"{key}: DPDK has no port {name}; is it bound to a driver DPDK can use? "
            "`secbeat host nics` binds it"
        ) from error


def _check_limits(limits: Limits, port: abi.Port, wanted: PortSettings, lcores: int) -> None:
    name = f"ports.{port.name.lower()}"
    queues = min(limits.rx_queues_max, limits.tx_queues_max)
    if queues < lcores:
        device = f"{device_name(wanted.device)} ({limits.driver})"
        raise ConfigurationError(
            f"{name}.device: {device} has {queues} queue{'s' * (queues != 1)}, dataplane.lcores = "
            f"{lcores} needs one each: lower it to {queues}{_more_queues(limits.driver, lcores)}"
        )
    if limits.driver == "net_af_packet" and queues > lcores:
        # The kernel spreads over all of them, polled or not.
        raise ConfigurationError(f"{name}.device: qpairs={queues}, but lcores = {lcores} poll them")
    low, high = max(_MTU_RANGE[0], limits.mtu_min), min(_MTU_RANGE[1], limits.mtu_max)
    if not low <= wanted.mtu <= high:
        raise ConfigurationError(
            f"{name}.mtu: {wanted.mtu} is not between {low} and {high} ({limits.driver})"
        )


def _more_queues(driver: str, count: int) -> str:
    """Where more can be had: how."""
    if driver in QUEUE_ARGUMENTS:
        return f", or {QUEUE_ARGUMENTS[driver]}={count} in the device"
    return f", or give the virtual machine's NIC {count} queues" if driver == "net_virtio" else ""

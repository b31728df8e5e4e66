"""The two data ports, outside and inside: from device strings to started devices.

The control loop uses them before the launch and after the last worker has returned; in between it
calls only ``read`` and the methods of ``links``.
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
"""The fields of a device's statistics that are read here; `dataplane.run.links.duty` writes the
others."""
_MTU_RANGE = (1280, 16_000)  # RFC 8200, section 5; larger than the jumbo frames of all devices


def is_pci_address(device: str) -> bool:
    """``0000:01:00.0`` or ``01:00.0``; anything else is a vdev string."""
    return _PCI_ADDRESS.fullmatch(device) is not None


def pci_address(device: str) -> str:
    """The address with its domain, in EAL's form."""
    return device.lower() if device.count(":") > 1 else f"0000:{device.lower()}"


def device_name(device: str) -> str:
    """EAL's name for a device string."""
    return pci_address(device) if is_pci_address(device) else device.split(",", 1)[0]


def room_bytes(mtu: int) -> int:
    """Buffer size for one frame of that MTU, at least 2 KiB, a multiple of 64."""
    return max(_ROOM_BYTES_MIN, -(-(mtu + _FRAME_OVERHEAD_BYTES) // 64) * 64)


class DataPorts:
    """Both devices, configured with one queue per lcore; they use buffers of the pool."""

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
        """DPDK's port numbers, outside first."""
        return self.devices[0].port_id, self.devices[1].port_id

    @property
    def links(self) -> list[PortLink]:
        """The object that sets the link of each port: its driver, or the kernel for a port on an
        interface."""
        return [
            device if kernel is None else kernel
            for device, kernel in zip(self.devices, self._kernel_links, strict=True)
        ]

    def start(self) -> None:
        """Start to receive: from now on the workers must poll."""
        for device in self.devices:
            device.start()

    def read(self, header: abi.StatsHeader) -> None:
        """Copy the drivers' counters and link states to the page.

        A driver on a kernel interface always reports a link, and does not count drops of the
        interface: the kernel is asked for both.
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
            # Readers read at any time: each word changes in one step.
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
        # The kernel distributes packets to all queues, polled or not.
        raise ConfigurationError(f"{name}.device: qpairs={queues}, but lcores = {lcores} poll them")
    low, high = max(_MTU_RANGE[0], limits.mtu_min), min(_MTU_RANGE[1], limits.mtu_max)
    if not low <= wanted.mtu <= high:
        raise ConfigurationError(
            f"{name}.mtu: {wanted.mtu} is not between {low} and {high} ({limits.driver})"
        )


def _more_queues(driver: str, count: int) -> str:
    """A hint how to get more queues, for drivers where that is possible."""
    if driver in QUEUE_ARGUMENTS:
        return f", or {QUEUE_ARGUMENTS[driver]}={count} in the device"
    return f", or give the virtual machine's NIC {count} queues" if driver == "net_virtio" else ""

"""librte_ethdev: one Ethernet device; ``fastpath/ports.c`` handles structures that differ by
version."""

from __future__ import annotations

import ctypes
import errno
from dataclasses import dataclass
from typing import Self

from dataplane.dpdk.eal import error_of
from dataplane.dpdk.mempool import PacketPool


@dataclass(frozen=True)
class Limits:
    """Limits of a device; queues per direction, MTU in bytes."""

    rx_queues_max: int
    tx_queues_max: int
    mtu_min: int
    mtu_max: int
    driver: str


class EthernetDevice:
    """A probed device: configure, start, stop, close, in this order."""

    def __init__(self, library: ctypes.CDLL, name: str) -> None:
        """Find the device by EAL's name: a PCI address, or a vdev string up to its first comma."""
        self._library = _declare(library)
        self.name = name
        number = ctypes.c_uint16()
        self._check("is not there", library.rte_eth_dev_get_port_by_name(name.encode(), number))
        self.port_id = number.value
        self._open = True

    def limits(self) -> Limits:
        """The limits that the driver reports."""
        raw = _Limits()
        self._check("tells nothing", self._library.sb_port_limits(self.port_id, raw))
        return Limits(
            raw.rx_queues_max,
            raw.tx_queues_max,
            raw.mtu_min,
            raw.mtu_max,
            raw.driver.decode(errors="replace"),
        )

    def configure(self, queues: int, descriptors: int, mtu: int, pool: PacketPool) -> None:
        """Queues per direction, descriptors per queue, MTU in bytes; the device is stopped."""
        error = self._library.sb_port_configure(
            self.port_id, queues, descriptors, mtu, pool.address
        )
        self._check(f"can't have {queues} queues and MTU {mtu}", error)

    def start(self) -> None:
        """Start it in promiscuous mode: the node has no address of its own."""
        self._check("can't be started", self._library.rte_eth_dev_start(self.port_id))
        error = self._library.rte_eth_promiscuous_enable(self.port_id)
        if error != -errno.ENOTSUP:  # a virtual device without filters
            self._check("can't be made promiscuous", error)

    def set_link(self, *, up: bool) -> None:
        """Take the link down, or let it come up again; the device must be started.

        Raises NativeError, with ENOTSUP if the driver does not support it.
        """
        if up:
            error = self._library.rte_eth_dev_set_link_up(self.port_id)
        else:
            error = self._library.rte_eth_dev_set_link_down(self.port_id)
        self._check(f"can't set its link {'up' if up else 'down'}", error)

    def read(self, out: int) -> bool:
        """Copy counters and link state into the ``abi.DeviceStats`` at ``out``; False: not
        available now."""
        return int(self._library.sb_port_read(self.port_id, out)) == 0

    def close(self) -> None:
        """Stop and close it; no lcore may poll it any more. May be called again."""
        if self._open:
            self._open = False
            self._library.rte_eth_dev_stop(self.port_id)
            self._library.rte_eth_dev_close(self.port_id)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _check(self, what: str, error: int) -> None:
        if error != 0:
            raise error_of(self._library, f"device {self.name} {what}", error)


class _Limits(ctypes.Structure):
    """struct sb_port_limits (ports.h)."""

    _fields_ = [
        ("rx_queues_max", ctypes.c_uint32),
        ("tx_queues_max", ctypes.c_uint32),
        ("mtu_min", ctypes.c_uint32),
        ("mtu_max", ctypes.c_uint32),
        ("driver", ctypes.c_char * 32),
    ]


def _declare(library: ctypes.CDLL) -> ctypes.CDLL:
    number = ctypes.c_uint16
    library.rte_eth_dev_get_port_by_name.argtypes = [ctypes.c_char_p, ctypes.POINTER(number)]
    library.rte_eth_dev_get_port_by_name.restype = ctypes.c_int
    library.sb_port_limits.argtypes = [number, ctypes.POINTER(_Limits)]
    library.sb_port_limits.restype = ctypes.c_int
    library.sb_port_configure.argtypes = [number, number, number, number, ctypes.c_void_p]
    library.sb_port_configure.restype = ctypes.c_int
    library.sb_port_read.argtypes = [number, ctypes.c_void_p]
    library.sb_port_read.restype = ctypes.c_int
    for name in (
        "rte_eth_dev_start",
        "rte_eth_dev_stop",
        "rte_eth_dev_close",
        "rte_eth_dev_set_link_up",
        "rte_eth_dev_set_link_down",
        "rte_eth_promiscuous_enable",
    ):
        function = getattr(library, name)
        function.argtypes = [number]
        function.restype = ctypes.c_int
    return library

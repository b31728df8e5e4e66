"""librte_ring and the net_ring driver: ports made of rings, for benchmarks and tests.

A port receives from one ring and transmits into another. A ring that is the transmit ring of one
port and the receive ring of another connects them; it can also connect a port with itself.
"""

from __future__ import annotations

import ctypes
from pathlib import Path

from dataplane.base.errors import NativeError
from dataplane.dpdk.eal import last_error

_PREFIX = "net_ring_"
_SOCKET_ANY = -1
_NUMA_NODE = 0


class PacketRing:
    """A ring of mbufs; lives as long as EAL."""

    def __init__(self, library: ctypes.CDLL, name: str, slots: int) -> None:
        """``slots``: a power of two; the ring holds one packet fewer."""
        self._library = _declare(library)
        self.address = self._library.rte_ring_create(name.encode(), slots, _SOCKET_ANY, 0)
        if not self.address:
            raise last_error(library, f"ring {name} of {slots} slots")


def ring_port(library: ctypes.CDLL, name: str, receive: PacketRing, transmit: PacketRing) -> str:
    """Make a port with one queue per direction; returns its device name in EAL."""
    driver = _declare_driver(ctypes.CDLL(_loaded("librte_net_ring.so")))
    queues = [(ctypes.c_void_p * 1)(ring.address) for ring in (receive, transmit)]
    if driver.rte_eth_from_rings(name.encode(), queues[0], 1, queues[1], 1, _NUMA_NODE) < 0:
        raise last_error(library, f"port {name} made of rings")
    return _PREFIX + name


def _loaded(name: str) -> str:
    """Path of a driver: EAL loads each of them, whatever their versions are."""
    for line in Path("/proc/self/maps").read_text(encoding="ascii").splitlines():
        path = line.rsplit(maxsplit=1)[-1]
        if Path(path).name.startswith(name):
            return path
    raise NativeError(f"EAL has not loaded {name}", 2)


def _declare(library: ctypes.CDLL) -> ctypes.CDLL:
    library.rte_ring_create.argtypes = [
        ctypes.c_char_p,
        ctypes.c_uint,
        ctypes.c_int,
        ctypes.c_uint,
    ]
    library.rte_ring_create.restype = ctypes.c_void_p
    return library


def _declare_driver(driver: ctypes.CDLL) -> ctypes.CDLL:
    driver.rte_eth_from_rings.argtypes = [
        ctypes.c_char_p,
        ctypes.c_void_p,
        ctypes.c_uint,
        ctypes.c_void_p,
        ctypes.c_uint,
        ctypes.c_uint,
    ]
    driver.rte_eth_from_rings.restype = ctypes.c_int
    return driver

"""A DPDK port made of two rings: nothing comes in, and what goes out stays there."""

from __future__ import annotations

import ctypes
from pathlib import Path

_SOCKET_ANY = -1


def ring_port(loaded: ctypes.CDLL, name: str, slots: int) -> int:
    """Make the port ``net_ring_...``; its transmit ring holds ``slots - 1`` packets.

    Returns DPDK's port number.
    """
    driver = ctypes.CDLL(_loaded_driver("librte_net_ring"))
    loaded.rte_ring_create.argtypes = [
        ctypes.c_char_p,
        ctypes.c_uint,
        ctypes.c_int,
        ctypes.c_uint,
    ]
    loaded.rte_ring_create.restype = ctypes.c_void_p
    driver.rte_eth_from_rings.argtypes = [
        ctypes.c_char_p,
        ctypes.c_void_p,
        ctypes.c_uint,
        ctypes.c_void_p,
        ctypes.c_uint,
        ctypes.c_uint,
    ]
    driver.rte_eth_from_rings.restype = ctypes.c_int
    rings = [
        (ctypes.c_void_p * 1)(
            loaded.rte_ring_create(f"{name}_{way}".encode(), slots, _SOCKET_ANY, 0)
        )
        for way in ("rx", "tx")
    ]
    port = driver.rte_eth_from_rings(_own_part(name), rings[0], 1, rings[1], 1, 0)
    assert port >= 0, name
    return int(port)


def _own_part(name: str) -> bytes:
    """What the driver puts its prefix before."""
    return name.removeprefix("net_ring_").encode()


def _loaded_driver(name: str) -> str:
    """Path of a driver that EAL has loaded."""
    for line in Path("/proc/self/maps").read_text(encoding="ascii").splitlines():
        path = line.rsplit(maxsplit=1)[-1]
        if Path(path).name.startswith(f"{name}.so"):
            return path
    raise AssertionError(f"{name} is not loaded")

"""librte_mbuf and librte_mempool: the packet buffers."""

from __future__ import annotations

import ctypes
from typing import Self

from dataplane.base.errors import NativeError
from dataplane.dpdk.eal import last_error

CACHE_COUNT = 256
"""Cache of each lcore in buffers; a multiple of the burst."""
_HEADROOM_BYTES = 128  # RTE_PKTMBUF_HEADROOM, in rte_config.h of 22.11 and 24.11
_SOCKET_ANY = -1


_OVERHEAD_BYTES = 128 + 64  # struct rte_mbuf; struct rte_mempool_objhdr, to a cache line


def bytes_of(room_bytes: int) -> int:
    """The most memory of one packet buffer of a pool, in bytes."""
    return room_bytes + _HEADROOM_BYTES + _OVERHEAD_BYTES


class PacketPool:
    """``count`` packet buffers with ``room_bytes`` for a frame each; one pool for both ports."""

    def __init__(
        self, library: ctypes.CDLL, count: int, room_bytes: int, *, name: str = "packets"
    ) -> None:
        self._library = _declare(library)
        self.count = count
        size = room_bytes + _HEADROOM_BYTES
        self._address = self._library.rte_pktmbuf_pool_create(
            name.encode(), count, CACHE_COUNT, 0, size, _SOCKET_ANY
        )
        if not self._address:
            what = f"no memory for {count} mbufs of {size} bytes; raise memory_mib or lower mbufs"
            raise last_error(library, what)

    @property
    def address(self) -> int:
        """``struct rte_mempool *``; NativeError after close."""
        if not self._address:
            raise NativeError("the packet pool was used after close()", 22)
        return int(self._address)

    def used(self) -> int:
        """Buffers that are neither in the pool nor in an lcore's cache; exact when no packet is in
        flight."""
        return int(self._library.rte_mempool_in_use_count(self.address))

    def close(self) -> None:
        """Free the pool; ports must be stopped, with no packet in flight. May be called again."""
        if self._address:
            self._library.rte_mempool_free(self._address)
            self._address = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _declare(library: ctypes.CDLL) -> ctypes.CDLL:
    library.rte_pktmbuf_pool_create.argtypes = [
        ctypes.c_char_p,
        ctypes.c_uint,
        ctypes.c_uint,
        ctypes.c_uint16,
        ctypes.c_uint16,
        ctypes.c_int,
    ]
    library.rte_pktmbuf_pool_create.restype = ctypes.c_void_p
    library.rte_mempool_in_use_count.argtypes = [ctypes.c_void_p]
    library.rte_mempool_in_use_count.restype = ctypes.c_uint
    library.rte_mempool_free.argtypes = [ctypes.c_void_p]
    library.rte_mempool_free.restype = None
    return library

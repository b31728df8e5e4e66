"""librte_eal, malloc: zeroed memory for the structures that the workers use."""

from __future__ import annotations

import ctypes
from typing import Self, TypeVar

from dataplane.base.errors import NativeError
from dataplane.native import abi

_Structure = TypeVar("_Structure", bound=ctypes.Structure)


class Memory:
    """Blocks from DPDK's heap, freed together after the workers have returned.

    ctypes' own buffers are not used: Python would free them with the last reference, even while a
    worker reads them.
    """

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = _declare(library)
        self._addresses: set[int] = set()

    def zeroed(self, size: int) -> int:
        """Address of ``size`` zeroed bytes on a cache line; NativeError: the heap is exhausted."""
        address = self._library.rte_zmalloc(b"secbeat", size, abi.CACHE_LINE)
        if not address:
            raise NativeError(f"DPDK's heap has no {size} bytes left; raise memory_mib", 12)
        self._addresses.add(address)
        return int(address)

    def structure(self, kind: type[_Structure]) -> _Structure:
        """A zeroed structure; valid until ``close``, which the caller must outlive."""
        return kind.from_address(self.zeroed(ctypes.sizeof(kind)))

    def array(self, kind: type[_Structure], count: int) -> ctypes.Array[_Structure]:
        """The same as `structure`, for ``count`` consecutive structures."""
        return (kind * count).from_address(self.zeroed(ctypes.sizeof(kind) * count))

    def free(self, address: int) -> None:
        """Free one block early; KeyError: not allocated here, or freed already."""
        self._addresses.remove(address)
        self._library.rte_free(address)

    def close(self) -> None:
        """Free every block; may be called again."""
        while self._addresses:
            self._library.rte_free(self._addresses.pop())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _declare(library: ctypes.CDLL) -> ctypes.CDLL:
    library.rte_zmalloc.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint]
    library.rte_zmalloc.restype = ctypes.c_void_p
    library.rte_free.argtypes = [ctypes.c_void_p]
    library.rte_free.restype = None
    return library

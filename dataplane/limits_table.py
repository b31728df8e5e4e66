"""The token buckets of one lcore: memory of a fixed size for the limits of every profile.

Made before the workers are launched, one for each lcore; only that lcore reads and writes it.
"""

from __future__ import annotations

import ctypes
import os
from typing import Self

from dataplane.errors import NativeError
from dataplane.settings import LimitCapacities
from dataplane.tables import HASH_KEY_BYTES


class Limits:
    """The native buckets. A context manager; ``close()`` may be called again.

    ``hash_key``: 16 random bytes. Raises NativeError (EINVAL, ENOMEM).
    """

    def __init__(self, library: ctypes.CDLL, capacities: LimitCapacities, hash_key: bytes) -> None:
        self._address = 0
        if len(hash_key) != HASH_KEY_BYTES:
            raise ValueError(f"hash_key: {len(hash_key)} bytes, must be {HASH_KEY_BYTES}")
        self._library = _declare(library)
        out = ctypes.c_void_p()
        result = library.sb_limits_create(
            capacities.sources_max,
            capacities.prefixes_max,
            capacities.destinations_max,
            hash_key,
            ctypes.byref(out),
        )
        if result < 0:
            raise NativeError(f"buckets for {capacities}: {os.strerror(-result)}", -result)
        self._address = out.value or 0

    @property
    def address(self) -> int:
        """Address of the native object, for ``abi.Lcore.limits``; ValueError after close."""
        if not self._address:
            raise ValueError("limits: used after close()")
        return self._address

    @property
    def bytes(self) -> int:
        """Memory reserved; what no packet has needed yet is not touched."""
        return int(self._library.sb_limits_bytes(self.address))

    def close(self) -> None:
        """Free the buckets; no worker may be using them any more."""
        if self._address:
            self._library.sb_limits_destroy(self._address)
            self._address = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()


def _declare(library: ctypes.CDLL) -> ctypes.CDLL:
    u32, pointer = ctypes.c_uint32, ctypes.c_void_p
    library.sb_limits_create.argtypes = [u32, u32, u32, ctypes.c_char_p, pointer]
    library.sb_limits_create.restype = ctypes.c_int
    library.sb_limits_destroy.argtypes = [pointer]
    library.sb_limits_destroy.restype = None
    library.sb_limits_bytes.argtypes = [pointer]
    library.sb_limits_bytes.restype = ctypes.c_uint64
    return library

"""The token buckets of one lcore: memory of a fixed size for the limits of every profile.

Made before the workers are launched, one for each lcore; only that lcore reads and writes it.
"""

from __future__ import annotations

import ctypes

from dataplane.base.settings import LimitCapacities
from dataplane.native.native_table import NativeTable, declare
from dataplane.tables.lists import HASH_KEY_BYTES


class Limits(NativeTable):
    """The native buckets, for ``abi.Lcore.limits``.

    ``hash_key``: 16 random bytes. Raises NativeError (EINVAL, ENOMEM).
    """

    KIND = "limits"

    def __init__(self, library: ctypes.CDLL, capacities: LimitCapacities, hash_key: bytes) -> None:
        if len(hash_key) != HASH_KEY_BYTES:
            raise ValueError(f"hash_key: {len(hash_key)} bytes, must be {HASH_KEY_BYTES}")
        counts = capacities.sources_max, capacities.prefixes_max, capacities.destinations_max
        super().__init__(_declare(library), f"buckets for {capacities}", *counts, hash_key)

    @property
    def bytes(self) -> int:
        """Reserved memory; unused pages are not allocated."""
        return int(self._library.sb_limits_bytes(self.address))


def _declare(library: ctypes.CDLL) -> ctypes.CDLL:
    u32, pointer = ctypes.c_uint32, ctypes.c_void_p
    return declare(
        library,
        "limits",
        ("create", ctypes.c_int, u32, u32, u32, ctypes.c_char_p, pointer),
        ("destroy", None, pointer),
        ("bytes", ctypes.c_uint64, pointer),
    )

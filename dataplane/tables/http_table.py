"""Inspected connections of one lcore: a record for each, and a pool for incomplete requests.

Made before the workers are launched, one for each lcore; only that lcore reads and writes it.
"""

from __future__ import annotations

import ctypes

from dataplane.base.settings import HttpCapacities
from dataplane.native import abi
from dataplane.native.native_table import NativeTable, declare
from dataplane.tables.connection_table import ConnectionTable
from dataplane.tables.lists import HASH_KEY_BYTES

MIB = 1 << 20


class HttpTable(NativeTable):
    """The native table, for ``abi.Lcore.http``.

    ``connections``: of the same lcore; must be closed after this. ``hash_key``: 16 random bytes;
    ``stats``: address of the lcore's ``abi.LcoreStats``, which must outlive it. Raises NativeError
    (EINVAL, ENOMEM).
    """

    KIND = "http"

    def __init__(
        self,
        library: ctypes.CDLL,
        capacities: HttpCapacities,
        connections: ConnectionTable,
        hash_key: bytes,
        stats: int,
    ) -> None:
        if len(hash_key) != HASH_KEY_BYTES:
            raise ValueError(f"hash_key: {len(hash_key)} bytes, must be {HASH_KEY_BYTES}")
        counters: int = stats + abi.LcoreStats.http.offset
        super().__init__(
            _declare(library),
            f"a pool of {capacities.pool_mib} MiB for HTTP",
            *(connections.address, capacities.pool_mib * MIB, hash_key, counters),
        )

    @property
    def bytes(self) -> int:
        """Reserved memory; unused pages are not allocated."""
        return int(self._library.sb_http_bytes(self.address))


def _declare(library: ctypes.CDLL) -> ctypes.CDLL:
    u64, pointer = ctypes.c_uint64, ctypes.c_void_p
    return declare(
        library,
        "http",
        ("create", ctypes.c_int, pointer, u64, ctypes.c_char_p, pointer, pointer),
        ("destroy", None, pointer),
        ("bytes", u64, pointer),
    )

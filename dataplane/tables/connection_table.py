"""The connections of one lcore: memory of a fixed size for as many as the settings say.

Made before the workers are launched, one for each lcore; only that lcore reads and writes it.
"""

from __future__ import annotations

import ctypes
from dataclasses import asdict

from dataplane.base.clock import DS_PER_S
from dataplane.base.settings import ConnectionCapacities, ConnectionTimeouts
from dataplane.native import abi
from dataplane.native.native_table import NativeTable, declare

FLOW_KEY_BYTES = 64


class ConnectionTable(NativeTable):
    """The native table, for ``abi.Lcore.flows``.

    ``hash_key``: 64 random bytes; ``stats``: address of the lcore's ``abi.LcoreStats``, which must
    outlive it. Raises NativeError (EINVAL, ENOMEM).
    """

    KIND = "flows"

    def __init__(
        self, library: ctypes.CDLL, capacities: ConnectionCapacities, hash_key: bytes, stats: int
    ) -> None:
        if len(hash_key) != FLOW_KEY_BYTES:
            raise ValueError(f"hash_key: {len(hash_key)} bytes, must be {FLOW_KEY_BYTES}")
        timeouts = native_timeouts(capacities.timeouts)
        counters: int = stats + abi.LcoreStats.connections.offset
        of_profile: int = stats + abi.LcoreStats.connections_of.offset  # type: ignore[attr-defined]
        super().__init__(
            _declare(library),
            f"room for {capacities.connections_max} connections",
            *(capacities.connections_max, ctypes.byref(timeouts), hash_key, counters, of_profile),
        )

    @property
    def bytes(self) -> int:
        """Reserved memory; pages that no connection has used are not allocated."""
        return int(self._library.sb_flows_bytes(self.address))

    def sweep(self, boot_ds: int) -> None:
        """Remove some expired connections, as a worker does in its turns."""
        self._library.sb_flows_sweep(self.address, boot_ds)


def native_timeouts(timeouts: ConnectionTimeouts) -> abi.FlowTimeouts:
    """Timeouts in tenths of a second, by state."""
    native = abi.FlowTimeouts()
    for name, seconds in asdict(timeouts).items():
        native.ds[abi.FlowState[name.upper()]] = seconds * DS_PER_S
    return native


def _declare(library: ctypes.CDLL) -> ctypes.CDLL:
    u32, pointer = ctypes.c_uint32, ctypes.c_void_p
    return declare(
        library,
        "flows",
        ("create", ctypes.c_int, u32, pointer, ctypes.c_char_p, pointer, pointer, pointer),
        ("destroy", None, pointer),
        ("bytes", ctypes.c_uint64, pointer),
        ("sweep", None, pointer, u32),
    )

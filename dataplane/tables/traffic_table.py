"""One lcore's counters of each protected destination, and its packet samples.

Made before the workers are launched, one for each lcore. The lcore writes it; only the collector
(``dataplane.detection.collector``) reads it beside the lcore.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

from dataplane.native import abi
from dataplane.native.native_table import NativeTable, declare

TRAFFIC_KEY_BYTES = 32


class TrafficRow(ctypes.Structure):
    """struct sb_traffic_row: the present counters of one destination."""

    bytes: int
    count: ctypes.Array[ctypes.c_uint32]

    _fields_ = [
        ("bytes", ctypes.c_uint64),
        ("count", ctypes.c_uint32 * abi.TRAFFIC_COUNT),
    ]


class TrafficTable(NativeTable):
    """The native table, for ``abi.Lcore.traffic``.

    ``destinations_max``: 1 to ``abi.DESTINATIONS_MAX``; ``key``: 32 random bytes; ``reflectors``:
    the UDP ports that are counted as amplification. Raises NativeError (EINVAL, ENOMEM).
    """

    KIND = "traffic"

    def __init__(
        self, library: ctypes.CDLL, destinations_max: int, key: bytes, reflectors: Sequence[int]
    ) -> None:
        if len(key) != TRAFFIC_KEY_BYTES:
            raise ValueError(f"key: {len(key)} bytes, must be {TRAFFIC_KEY_BYTES}")
        ports = (ctypes.c_uint16 * len(reflectors))(*reflectors)
        super().__init__(
            _declare(library),
            f"counters of {destinations_max} destinations",
            *(destinations_max, key, ports, len(ports)),
        )

    def capture(self, profile: int, packets: int) -> None:
        """Let the lcore capture up to so many packets that a profile drops or would
        drop; 0: none."""
        if not 0 <= profile < abi.PROFILES_MAX:
            raise IndexError(f"profile {profile}, limit {abi.PROFILES_MAX - 1}")
        self._library.sb_traffic_capture(self.address, profile, packets)

    def row(self, address: bytes) -> TrafficRow | None:
        """The present counters of a destination (16 bytes, IPv4 mapped); None: it has none."""
        found = self._library.sb_traffic_row(self.address, address)
        return _copied_row(found) if found else None

    def row_at(self, place: int) -> TrafficRow:
        """The counters of the destination with the nth row; IndexError: the row is unused."""
        if not 0 <= place < self.used:
            raise IndexError(f"row {place}, limit {self.used - 1}")
        return _copied_row(self._library.sb_traffic_row_at(self.address, place))

    def overflow(self, profile: int) -> TrafficRow:
        """The counters of a profile's packets whose destination found no room, or that
        have none."""
        if not 0 <= profile < abi.PROFILES_MAX:
            raise IndexError(f"profile {profile}, limit {abi.PROFILES_MAX - 1}")
        return _copied_row(self._library.sb_traffic_overflow(self.address, profile))

    @property
    def used(self) -> int:
        """Number of rows that were ever given to a destination."""
        return int(self._library.sb_traffic_used(self.address))

    def samples(self) -> list[abi.Sample]:
        """The newest samples, oldest first, collected or not; at most ``abi.SAMPLES_MAX``."""
        end = self._library.sb_traffic_samples(self.address)
        first = max(0, end - abi.SAMPLES_MAX)
        places = (
            self._library.sb_traffic_sample(self.address, number) for number in range(first, end)
        )
        return [abi.Sample.from_buffer_copy(abi.Sample.from_address(place)) for place in places]

    @property
    def bytes(self) -> int:
        """Reserved memory; unused pages are not allocated."""
        return int(self._library.sb_traffic_bytes(self.address))


def _copied_row(address: int) -> TrafficRow:
    return TrafficRow.from_buffer_copy(TrafficRow.from_address(address))


def _declare(library: ctypes.CDLL) -> ctypes.CDLL:
    u32, u64, pointer, text = ctypes.c_uint32, ctypes.c_uint64, ctypes.c_void_p, ctypes.c_char_p
    return declare(
        library,
        "traffic",
        ("create", ctypes.c_int, u32, text, pointer, u32, pointer),
        ("destroy", None, pointer),
        ("bytes", u64, pointer),
        ("capture", None, pointer, u32, u32),
        ("used", u32, pointer),
        ("row", pointer, pointer, text),
        ("row_at", pointer, pointer, u32),
        ("overflow", pointer, pointer, u32),
        ("samples", u64, pointer),
        ("sample", pointer, pointer, u64),
    )

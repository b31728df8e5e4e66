"""pcap: a header of 24 bytes, then records of 16 bytes and the packet.

Format: draft-ietf-opsawg-pcap, sections 4 and 5. Both byte orders, microseconds and nanoseconds.
"""

from __future__ import annotations

import struct
from array import array

from dataplane.pcap.common import CAPTURED_BYTES_MAX, LINK_TYPE_ETHERNET, CaptureError

MAGICS = {
    b"\xa1\xb2\xc3\xd4": (">", 1000),
    b"\xd4\xc3\xb2\xa1": ("<", 1000),
    b"\xa1\xb2\x3c\x4d": (">", 1),
    b"\x4d\x3c\xb2\xa1": ("<", 1),
}
"""Byte order and nanoseconds per unit of the second half of a timestamp."""
HEADER_BYTES = 24
RECORD_BYTES = 16


class ClassicParser:
    """Records of one pcap file; the window must begin with its header once."""

    def __init__(self) -> None:
        self._record: struct.Struct | None = None
        self._ns_per_unit = 1

    def parse(self, window: bytearray, offset: int, records: array[int]) -> int:
        """As ``Parser.parse``."""
        position = 0
        if self._record is None:
            if len(window) < HEADER_BYTES:
                return 0
            self._record = self._read_header(window)
            position = HEADER_BYTES
        return self._walk(self._record, window, position, offset, records)

    def _read_header(self, window: bytearray) -> struct.Struct:
        order, self._ns_per_unit = MAGICS[bytes(window[:4])]
        # The upper half of the word says whether a frame check sequence follows the frame.
        link_type = struct.unpack_from(order + "I", window, 20)[0] & 0xFFFF
        if link_type != LINK_TYPE_ETHERNET:
            raise CaptureError(
                f"link type is {link_type}, only Ethernet (1) can be read", 20, "link type 1"
            )
        return struct.Struct(order + "IIII")

    def _walk(
        self,
        record: struct.Struct,
        window: bytearray,
        position: int,
        offset: int,
        records: array[int],
    ) -> int:
        unpack, extend, scale = record.unpack_from, records.extend, self._ns_per_unit
        last = len(window) - RECORD_BYTES
        while position <= last:
            seconds, fraction, captured, length = unpack(window, position)
            if captured > CAPTURED_BYTES_MAX:
                raise CaptureError(
                    f"packet record claims {captured} captured bytes, limit {CAPTURED_BYTES_MAX}",
                    offset + position,
                    f"at most {CAPTURED_BYTES_MAX}",
                )
            start = position + RECORD_BYTES
            if start + captured > len(window):
                break
            timestamp_ns = seconds * 1_000_000_000 + fraction * scale
            extend((timestamp_ns, start, captured, length if length > captured else captured))
            position = start + captured
        return position

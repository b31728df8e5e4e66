"""pcap: a header of 24 bytes, then records of 16 bytes and the packet.

Format: draft-ietf-opsawg-pcap, sections 4 and 5. Both byte orders, microseconds and nanoseconds.
"""

from __future__ import annotations

import struct
from array import array

from dataplane.pcap.common import CAPTURED_BYTES_MAX, CaptureError, unknown_link_type
from dataplane.pcap.framing import LINK_TYPES, Adjust, adjustment

MAGICS = {
    b"\xa1\xb2\xc3\xd4": (">", 1000),
    b"\xd4\xc3\xb2\xa1": ("<", 1000),
    b"\xa1\xb2\x3c\x4d": (">", 1),
    b"\x4d\x3c\xb2\xa1": ("<", 1),
}
"""Byte order and nanoseconds per unit of the second half of a timestamp."""
HEADER_BYTES = 24
RECORD_BYTES = 16
_FCS_PRESENT, _FCS_SHIFT = 0x04000000, 28
"""In the word of the link type: whether frames end with a check sequence, and its length in 16-bit
words."""


class ClassicParser:
    """Records of one pcap file; the first window must begin with the file's header."""

    def __init__(self) -> None:
        self._record: struct.Struct | None = None
        self._ns_per_unit = 1
        self._adjust: Adjust | None = None

    def parse(self, window: bytearray, offset: int, records: array[int]) -> int:
        """See ``Parser.parse``."""
        position = 0
        if self._record is None:
            if len(window) < HEADER_BYTES:
                return 0
            self._record = self._read_header(window)
            position = HEADER_BYTES
        return self._walk(self._record, window, position, offset, records)

    def _read_header(self, window: bytearray) -> struct.Struct:
        order, self._ns_per_unit = MAGICS[bytes(window[:4])]
        (word,) = struct.unpack_from(order + "I", window, 20)
        link_type = word & 0xFFFF
        if link_type not in LINK_TYPES:
            raise unknown_link_type("link type", link_type, 20)
        fcs_bytes = 2 * (word >> _FCS_SHIFT) if word & _FCS_PRESENT else 0
        self._adjust = adjustment(link_type, fcs_bytes)
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
        last, adjust = len(window) - RECORD_BYTES, self._adjust
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
            position = start + captured
            length = length if length > captured else captured
            if adjust is not None:
                start, captured, length = adjust(window, (start, captured, length))
            extend((timestamp_ns, start, captured, length))
        return position

"""pcapng: blocks in sections, each section with its own byte order and interfaces.

Format: draft-ietf-opsawg-pcapng, sections 3 and 4. The parser reads section headers, interface
descriptions and the three kinds of packet blocks; it skips all other blocks.
"""

from __future__ import annotations

import struct
from array import array
from dataclasses import dataclass

from dataplane.pcap.common import (
    BLOCK_BYTES_MAX,
    CAPTURED_BYTES_MAX,
    INTERFACES_MAX,
    TIMESTAMP_NS_MAX,
    CaptureError,
    unknown_link_type,
)
from dataplane.pcap.framing import LINK_TYPES, Adjust, adjustment, fcs_bytes_of

SECTION_HEADER = 0x0A0D0D0A
INTERFACE_DESCRIPTION = 1
OBSOLETE_PACKET = 2
SIMPLE_PACKET = 3
ENHANCED_PACKET = 6
BYTE_ORDER_MAGIC = {b"\x1a\x2b\x3c\x4d": ">", b"\x4d\x3c\x2b\x1a": "<"}
BLOCK_BYTES_MIN = 12
BODY_BYTES_MIN = {
    SECTION_HEADER: 16,
    INTERFACE_DESCRIPTION: 8,
    OBSOLETE_PACKET: 20,
    SIMPLE_PACKET: 4,
    ENHANCED_PACKET: 20,
}
OPTION_TSRESOL = 9
OPTION_TSOFFSET = 14
OPTION_FCSLEN = 13
OPTION_FLAGS = 2
"""Flags of an enhanced packet block; bits 5 to 8: length of its check sequence in bytes (4.3.1)."""
TSOFFSET_BYTES = 8
FLAGS_BYTES = 4
NS_PER_S = 1_000_000_000


@dataclass(frozen=True)
class Interface:
    """An interface: ns = units * multiplier // divisor + offset_ns."""

    link_type: int
    snaplen: int
    multiplier: int = 1000
    divisor: int = 1
    offset_ns: int = 0
    fcs_bytes: int = 0
    adjust: Adjust | None = None
    """Converts its packets to frames."""


class _Order:
    """The structures of a section in its byte order."""

    def __init__(self, order: str) -> None:
        self.block = struct.Struct(order + "II")
        self.word = struct.Struct(order + "I")
        self.interface = struct.Struct(order + "HHI")
        self.option = struct.Struct(order + "HH")
        self.signed = struct.Struct(order + "q")
        self.enhanced = struct.Struct(order + "IIIII")
        self.obsolete = struct.Struct(order + "HHIIII")
        self.version = struct.Struct(order + "H")


class PcapngParser:
    """Blocks of one pcapng file; the first one must be a section header."""

    def __init__(self) -> None:
        self._order = _Order("<")
        self._interfaces: list[Interface] = []
        self._last_ns = 0

    def parse(self, window: bytearray, offset: int, records: array[int]) -> int:
        """See ``Parser.parse``."""
        position = 0
        while position + BLOCK_BYTES_MIN <= len(window):
            if window[position : position + 4] == b"\x0a\x0d\x0d\x0a":
                self._begin_section(window, position, offset)
            order = self._order
            kind, size = order.block.unpack_from(window, position)
            if size % 4 or not BLOCK_BYTES_MIN <= size <= BLOCK_BYTES_MAX:
                limit = f"{BLOCK_BYTES_MIN} to {BLOCK_BYTES_MAX}, a multiple of 4"
                raise CaptureError(
                    f"block claims {size} bytes, limit {limit}", offset + position, limit
                )
            end = position + size
            if end > len(window):
                break
            if order.word.unpack_from(window, end - 4)[0] != size:
                raise CaptureError("block's two lengths differ", offset + end - 4)
            if kind in BODY_BYTES_MIN:
                self._read_block(kind, window, (position, end), offset, records)
            position = end
        return position

    def _begin_section(self, window: bytearray, position: int, offset: int) -> None:
        magic = bytes(window[position + 8 : position + 12])
        if magic not in BYTE_ORDER_MAGIC:
            raise CaptureError("section header without byte-order magic", offset + position + 8)
        self._order = _Order(BYTE_ORDER_MAGIC[magic])

    def _read_block(
        self,
        kind: int,
        window: bytearray,
        bounds: tuple[int, int],
        offset: int,
        records: array[int],
    ) -> None:
        position, end = bounds
        body, body_end = position + 8, end - 4
        where = offset + position
        if body_end - body < BODY_BYTES_MIN[kind]:
            raise CaptureError(f"block of type {kind} is too short for its fields", where)
        order = self._order
        if kind == ENHANCED_PACKET:
            number, high, low, captured, length = order.enhanced.unpack_from(window, body)
            place = body + 20, captured, length
            self._add(window, (number, high << 32 | low), place, (body_end, where), records)
        elif kind == OBSOLETE_PACKET:
            number, _, high, low, captured, length = order.obsolete.unpack_from(window, body)
            place = body + 20, captured, length
            self._add(window, (number, high << 32 | low), place, (body_end, where), records)
        elif kind == SIMPLE_PACKET:
            (length,) = order.word.unpack_from(window, body)
            place = body + 4, length, length
            self._add(window, (0, None), place, (body_end, where), records)
        elif kind == INTERFACE_DESCRIPTION:
            self._add_interface(window, body, body_end, where)
        else:
            (major,) = order.version.unpack_from(window, body + 4)
            if major != 1:
                raise CaptureError(f"pcapng version is {major}, only 1 is known", where + 12)
            self._interfaces = []

    def _add(
        self,
        window: bytearray,
        stamp: tuple[int, int | None],
        place: tuple[int, int, int],
        block: tuple[int, int],
        records: array[int],
    ) -> None:
        """Add a packet; ``block``: the end of the block's body in the window, and its position in
        the file."""
        number, units = stamp
        start, captured, length = place
        body_end, where = block
        if number >= len(self._interfaces):
            raise CaptureError(
                f"packet of interface {number}, but {len(self._interfaces)} are described", where
            )
        interface = self._interfaces[number]
        if interface.link_type not in LINK_TYPES:
            raise unknown_link_type(f"link type of interface {number}", interface.link_type, where)
        if units is None:
            # A simple packet block has no time and no captured length: snaplen determines it.
            timestamp_ns = self._last_ns
            captured = min(captured, interface.snaplen or captured)
        else:
            timestamp_ns = units * interface.multiplier // interface.divisor + interface.offset_ns
            self._last_ns = timestamp_ns
        if captured > CAPTURED_BYTES_MAX or start + captured > body_end:
            raise CaptureError(
                f"packet block claims {captured} captured bytes, limit "
                f"{min(CAPTURED_BYTES_MAX, body_end - start)}",
                where,
            )
        if not 0 <= timestamp_ns <= TIMESTAMP_NS_MAX:
            raise CaptureError(f"timestamp of {timestamp_ns} ns is beyond 64 bits", where)
        place = start, captured, max(length, captured)
        if adjust := self._adjustment(interface, window, start + captured, body_end, units):
            place = adjust(window, place)
        records.extend((timestamp_ns, *place))

    def _adjustment(
        self, interface: Interface, window: bytearray, end: int, body_end: int, units: int | None
    ) -> Adjust | None:
        """The conversion of the interface, unless the packet has another check sequence."""
        options = end + (-end) % 4
        if units is None or body_end - options <= 4:  # noqa: PLR2004 - no more than the last option
            return interface.adjust
        flags = self._read_options(window, options, body_end).get(OPTION_FLAGS, b"")
        if len(flags) != FLAGS_BYTES:
            return interface.adjust
        fcs_bytes = self._order.word.unpack(flags)[0] >> 5 & 15
        if fcs_bytes in {0, interface.fcs_bytes}:
            return interface.adjust
        return adjustment(interface.link_type, fcs_bytes)

    def _add_interface(self, window: bytearray, body: int, body_end: int, where: int) -> None:
        if len(self._interfaces) >= INTERFACES_MAX:
            raise CaptureError(f"more than {INTERFACES_MAX} interfaces in a section", where)
        link_type, _, snaplen = self._order.interface.unpack_from(window, body)
        options = self._read_options(window, body + 8, body_end)
        multiplier, divisor = _resolution(options.get(OPTION_TSRESOL, b"\x06"), where)
        offset = options.get(OPTION_TSOFFSET, bytes(TSOFFSET_BYTES))
        if len(offset) != TSOFFSET_BYTES:
            raise CaptureError(
                f"if_tsoffset has {len(offset)} bytes instead of {TSOFFSET_BYTES}", where
            )
        offset_ns = self._order.signed.unpack(offset)[0] * NS_PER_S
        fcs_bytes = fcs_bytes_of(int.from_bytes(options.get(OPTION_FCSLEN, b"\0")[:1]))
        adjust = adjustment(link_type, fcs_bytes) if link_type in LINK_TYPES else None
        self._interfaces.append(
            Interface(link_type, snaplen, multiplier, divisor, offset_ns, fcs_bytes, adjust)
        )

    def _read_options(self, window: bytearray, position: int, end: int) -> dict[int, bytes]:
        options: dict[int, bytes] = {}
        while position + 4 <= end:
            code, size = self._order.option.unpack_from(window, position)
            position += 4
            if code == 0 or position + size > end:
                break
            options[code] = bytes(window[position : position + size])
            position += (size + 3) & ~3
        return options


def _resolution(value: bytes, where: int) -> tuple[int, int]:
    """Nanoseconds per unit, as a fraction.

    if_tsresol is a negative power of 10, or of 2 if the top bit is set (section 4.2).
    """
    if len(value) != 1:
        raise CaptureError(f"if_tsresol has {len(value)} bytes instead of 1", where)
    exponent = value[0] & 0x7F
    units_per_s = 1 << exponent if value[0] & 0x80 else 10**exponent
    if NS_PER_S % units_per_s == 0:
        return NS_PER_S // units_per_s, 1
    return NS_PER_S, units_per_s

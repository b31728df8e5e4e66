"""Blocks of a pcapng file as bytes, in little-endian order.

Format: draft-ietf-opsawg-pcapng, sections 3 and 4.
"""

from __future__ import annotations

import struct

from dataplane.pcap.common import CAPTURED_BYTES_MAX, LINK_TYPE_ETHERNET
from dataplane.pcap.pcapng import ENHANCED_PACKET, INTERFACE_DESCRIPTION, SECTION_HEADER

_PCAPNG_RECORD = struct.Struct("<IIIIIII")
_PCAPNG_FIXED_BYTES = 32
_BYTE_ORDER_MAGIC = 0x1A2B3C4D
_OPTION_BYTES_MAX = 65_535
END_OF_OPTIONS = bytes(4)
COMMENT = 1
"""opt_comment, of every block."""
APPLICATION = 4
"""shb_userappl, of a section."""
INTERFACE_NAME = 2
"""if_name, of an interface."""
_RESOLUTION = 9
"""if_tsresol, of an interface."""
_NANOSECONDS = bytes([9])
"""A negative power of 10."""


def section(options: bytes = b"") -> bytes:
    """A section header (section 4.1); its section goes to the end of the file."""
    body = struct.pack("<IHHq", _BYTE_ORDER_MAGIC, 1, 0, -1)
    return _block(SECTION_HEADER, body + (options + END_OF_OPTIONS if options else b""))


def interface(options: bytes = b"") -> bytes:
    """An Ethernet interface whose timestamps are nanoseconds (section 4.2)."""
    body = struct.pack("<HHI", LINK_TYPE_ETHERNET, 0, CAPTURED_BYTES_MAX)
    return _block(
        INTERFACE_DESCRIPTION,
        body + options + option(_RESOLUTION, _NANOSECONDS) + END_OF_OPTIONS,
    )


def append_packet(
    parts: list[bytes | bytearray],
    timestamp_ns: int,
    data: bytes | bytearray,
    length: int,
    interface: int = 0,
    options: bytes = b"",
) -> None:
    """An enhanced packet block (section 4.3)."""
    padding = -len(data) % 4
    size = _PCAPNG_FIXED_BYTES + len(data) + padding + len(options)
    high, low = timestamp_ns >> 32, timestamp_ns & 0xFFFFFFFF
    parts.append(
        _PCAPNG_RECORD.pack(ENHANCED_PACKET, size, interface, high, low, len(data), length)
    )
    parts.append(data)
    parts.append(bytes(padding) + options + size.to_bytes(4, "little"))


def option(code: int, value: bytes) -> bytes:
    """One option, cut to what fits and padded to 32 bits (section 3.5)."""
    value = value[:_OPTION_BYTES_MAX]
    return struct.pack("<HH", code, len(value)) + value + bytes(-len(value) % 4)


def _block(kind: int, body: bytes) -> bytes:
    """A block of any kind (section 3.1)."""
    size = len(body) + 12
    return struct.pack("<II", kind, size) + body + struct.pack("<I", size)

"""Limits, batches and the error of the readers and the writer of capture files."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from dataplane.base.errors import InvalidInputError

CHUNK_BYTES = 1 << 20
"""Bytes of one read; a batch has at most this and one block."""
CAPTURED_BYTES_MAX = 262_144
"""Captured bytes of one packet: libpcap's MAXIMUM_SNAPLEN."""
BLOCK_BYTES_MAX = 16 << 20
"""One pcapng block, known or unknown."""
INTERFACES_MAX = 4096
"""Interfaces of one pcapng section."""
LINK_TYPE_ETHERNET = 1
TIMESTAMP_NS_MAX = (1 << 63) - 1
COLUMNS = 4
"""Numbers per packet in ``Batch.records``."""


class CaptureError(InvalidInputError):
    """The file is not a supported capture; ``offset`` is the position in bytes, ``file`` its
    name."""

    def __init__(self, message: str, offset: int, limit: str = "", file: str = "") -> None:
        where = f"capture {file}" if file else "capture"
        super().__init__(
            f"{where}, at byte {offset}: {message}", field="capture", value=offset, limit=limit
        )
        self._message = message
        self.offset = offset

    def named(self, file: str) -> CaptureError:
        """The same error with the name of the file."""
        return CaptureError(self._message, self.offset, str(self.limit), file)


def unknown_link_type(what: str, link_type: int, offset: int) -> CaptureError:
    """The error for a capture of an unsupported kind of link."""
    limit = "Ethernet (1), raw IP (101, 228, 229), Linux cooked (113, 276), BSD loopback (0, 108)"
    return CaptureError(f"{what} is {link_type}; can be read: {limit}", offset, limit)


class CapturedPacket(NamedTuple):
    """One packet; ``data`` is shorter than ``length`` if the capture's snaplen cut it."""

    timestamp_ns: int
    """Nanoseconds since the epoch, from the capture."""
    length: int
    """Bytes on the wire."""
    data: bytes


@dataclass(frozen=True)
class Batch:
    """Packets of one piece of the file, not copied.

    ``records`` holds COLUMNS numbers per packet: timestamp_ns, offset in ``buffer``, bytes
    captured, bytes on the wire; the same layout as ``struct sb_replay_record``.
    """

    buffer: bytearray
    records: array[int]
    end_offset: int
    """Offset in the file after this batch."""

    @property
    def count(self) -> int:
        """Packets in the batch."""
        return len(self.records) // COLUMNS

    def packet(self, index: int) -> CapturedPacket:
        """A copy of one packet."""
        first = index * COLUMNS
        timestamp_ns, start, captured, length = self.records[first : first + COLUMNS]
        return CapturedPacket(timestamp_ns, length, bytes(self.buffer[start : start + captured]))


class Parser(Protocol):
    """Parser of one file format: reads a window of the file, and keeps state between windows."""

    def parse(self, window: bytearray, offset: int, records: array[int]) -> int:
        """Append the complete packets of the window, which begins at ``offset`` of the file.

        Returns the used bytes; the rest is the beginning of an incomplete record. Raises
        CaptureError; packets that were appended before it are valid.
        """
        ...

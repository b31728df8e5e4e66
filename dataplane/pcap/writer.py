"""Writes captures: pcap with nanosecond timestamps, or pcapng if the file's name ends so."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from dataplane.base.errors import InvalidInputError
from dataplane.pcap.blocks import append_packet, interface, section
from dataplane.pcap.common import CAPTURED_BYTES_MAX, COLUMNS, LINK_TYPE_ETHERNET, Batch

_NS_PER_S = 1_000_000_000
_PCAP_HEADER = struct.pack(
    "<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, CAPTURED_BYTES_MAX, LINK_TYPE_ETHERNET
)
_PCAP_RECORD = struct.Struct("<IIII")


class CaptureWriter:
    """A capture that is being written; owns its file. Timestamps are nanoseconds since
    the epoch."""

    def __init__(self, file: BinaryIO, *, pcapng: bool = False) -> None:
        self._file = file
        self._pcapng = pcapng
        self._write(section() + interface() if pcapng else _PCAP_HEADER)

    def write(self, timestamp_ns: int, data: bytes, length: int | None = None) -> None:
        """Append one packet; ``length`` is what it had on the wire, if more than ``data``."""
        records = array("Q", (timestamp_ns, 0, len(data), max(length or 0, len(data))))
        self.write_batch(Batch(bytearray(data), records, 0), (0,))

    def write_batch(self, batch: Batch, indexes: Iterable[int]) -> None:
        """Append those packets of a batch whose indices are given, in that order."""
        encode = self._encode_pcapng if self._pcapng else self._encode_pcap
        parts: list[bytes | bytearray] = []
        buffer, records = batch.buffer, batch.records
        for index in indexes:
            first = index * COLUMNS
            timestamp_ns, start, captured, length = records[first : first + COLUMNS]
            encode(parts, timestamp_ns, buffer[start : start + captured], length)
        self._write(b"".join(parts))

    def _write(self, data: bytes) -> None:
        try:
            self._file.write(data)
        except OSError as error:
            raise _failure(error) from error

    @staticmethod
    def _encode_pcap(
        parts: list[bytes | bytearray], timestamp_ns: int, data: bytearray, length: int
    ) -> None:
        seconds, fraction = divmod(timestamp_ns, _NS_PER_S)
        if seconds >= 1 << 32:
            raise InvalidInputError(
                f"timestamp of {seconds} s does not fit a pcap file, limit {(1 << 32) - 1}: "
                "give the output a name that ends in .pcapng",
                field="timestamp",
                value=timestamp_ns,
                limit="32 bits of seconds",
            )
        parts.append(_PCAP_RECORD.pack(seconds, fraction, len(data), length))
        parts.append(data)

    @staticmethod
    def _encode_pcapng(
        parts: list[bytes | bytearray], timestamp_ns: int, data: bytearray, length: int
    ) -> None:
        append_packet(parts, timestamp_ns, data, length)

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        try:
            self._file.close()
        except OSError as error:  # the buffered data did not fit
            raise _failure(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def create_capture(path: Path) -> CaptureWriter:
    """Create or replace a capture file: pcapng if its name ends in ``.pcapng``, else pcap."""
    try:
        file = path.open("wb")
    except OSError as error:
        raise InvalidInputError(
            f"capture {path} can't be written: {error.strerror}", field="out", value=str(path)
        ) from error
    return CaptureWriter(file, pcapng=path.suffix == ".pcapng")


def _failure(error: OSError) -> InvalidInputError:
    return InvalidInputError(f"capture can't be written: {error.strerror}", field="out")

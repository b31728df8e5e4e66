"""Reads a capture in batches, to its end or to the first damaged byte."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import BinaryIO

from dataplane.pcap.classic import MAGICS, ClassicParser
from dataplane.pcap.common import CHUNK_BYTES, Batch, CapturedPacket, CaptureError, Parser
from dataplane.pcap.pcapng import PcapngParser

MAGIC_BYTES = 4

_COMPRESSED = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"\xfd7zX": "xz", b"BZh": "bzip2"}


def read_batches(file: BinaryIO, chunk_bytes: int = CHUNK_BYTES) -> Iterator[Batch]:
    """Batches of a pcap or pcapng file, which may be a pipe.

    Raises CaptureError with the offset if the file is invalid or ends inside a record; the packets
    before it are yielded first.
    """
    window, offset = bytearray(file.read(chunk_bytes)), 0
    parser = _parser_of(window)
    while True:
        records: array[int] = array("Q")
        used, failure = 0, None
        try:
            used = parser.parse(window, offset, records)
        except CaptureError as error:
            failure = error
        if records:
            yield Batch(window, records, offset + used)
        if failure:
            raise failure
        rest, offset = window[used:], offset + used
        fresh = file.read(chunk_bytes)
        if not fresh:
            break
        window = rest + fresh
    if rest or not offset:
        raise CaptureError(f"the file ends {len(rest)} bytes into a record", offset)


def read_packets(file: BinaryIO) -> Iterator[CapturedPacket]:
    """The packets one by one, as copies; otherwise like read_batches."""
    for batch in read_batches(file):
        for index in range(batch.count):
            yield batch.packet(index)


def _parser_of(window: bytearray) -> Parser:
    magic = bytes(window[:MAGIC_BYTES])
    if magic in MAGICS:
        return ClassicParser()
    if magic == b"\x0a\x0d\x0d\x0a":
        return PcapngParser()
    for prefix, name in _COMPRESSED.items():
        if magic.startswith(prefix):
            raise CaptureError(f"file is compressed with {name}: unpack it first", 0)
    if len(magic) < MAGIC_BYTES:
        raise CaptureError(f"file of {len(magic)} bytes is too short for a capture", 0)
    raise CaptureError(f"magic {magic.hex()} is neither pcap nor pcapng", 0, "pcap or pcapng")

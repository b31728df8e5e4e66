"""The file of one database: a page with a header, then the database in its memory layout.

A child of the compile helper writes it. The control loop reads it and verifies engine, job, size
and checksum. Files are for the same machine; numbers have its byte order.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dataplane.base.errors import SecBeatError

PAGE = 4096
CHUNK_BYTES = 1 << 20
"""Chunk for reading and summing: about 1 ms."""
_MAGIC = b"SBRULES\0"
_FORMAT = 1
_HEADER = struct.Struct("=8sIIQII32s64s")
_SUM = struct.Struct("=I")


class ImageError(SecBeatError):
    """The file is not a database of this engine and job, or is damaged."""


@dataclass(frozen=True)
class ImageHeader:
    """The header of a file."""

    engine: str
    job: bytes
    """SHA-256 of the rules that it was compiled from; 32 bytes."""
    target: int
    """``abi.WafClass``."""
    size: int
    """Size of the database in bytes."""
    crc32: int
    """SHA-256 of these bytes."""
    count: int
    """Number of patterns."""


def file_name(job: bytes, target: int, part: int = 0) -> str:
    """The name for the database of a job and class of target, or for a part of it; parts count from
    0."""
    return f"{job.hex()}-{target}-{part}.db"


def write(path: Path, header: ImageHeader, image: bytes) -> None:
    """Write the file atomically. OSError."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    page = _HEADER.pack(
        *(_MAGIC, _FORMAT, header.target, header.size, header.crc32, header.count),
        *(header.job, header.engine.encode()),
    )
    page += _SUM.pack(zlib.crc32(page))
    with temporary.open("wb") as file:
        file.write(page.ljust(PAGE, b"\0"))
        file.write(image)
    temporary.replace(path)


def read_header(fd: int) -> ImageHeader:
    """ImageError: not a valid image, or the file's size differs from the header's."""
    page = os.pread(fd, PAGE, 0)
    if len(page) != PAGE:
        raise ImageError("a database file that is shorter than its header")
    text = page[: _HEADER.size]
    magic, version, target, size, crc32, count, job, engine = _HEADER.unpack(text)
    if magic != _MAGIC or version != _FORMAT:
        raise ImageError("no database file of this version")
    if _SUM.unpack_from(page, _HEADER.size) != (zlib.crc32(text),):
        raise ImageError("a database file whose header is damaged")
    if os.fstat(fd).st_size != PAGE + size:
        raise ImageError("a database file of another size than it says")
    name = engine.rstrip(b"\0").decode(errors="replace")
    return ImageHeader(name, job, target, size, crc32, count)


def read_into(fd: int, header: ImageHeader, chunks: Iterator[memoryview]) -> Iterator[None]:
    """Fill the chunks, one a step; ImageError at the end: the checksum is wrong."""
    offset, crc32 = PAGE, 0
    for chunk in chunks:
        done = 0
        while done < len(chunk):
            got = os.preadv(fd, [chunk[done:]], offset + done)
            if got == 0:
                raise ImageError("a database file that ends early")
            done += got
        crc32 = zlib.crc32(chunk, crc32)
        offset += done
        yield
    if crc32 != header.crc32:
        raise ImageError("a database file whose checksum is wrong")

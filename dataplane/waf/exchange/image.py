"""The file of one database: a page that says what it is, then the database as it lies in memory.

Written by a child of the compile helper, read by the control loop, which believes nothing: engine,
job, size and checksum must be right. Files are of this machine; numbers are in its byte order.
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
"""What is read and summed at a time: about 1 ms."""
_MAGIC = b"SBRULES\0"
_FORMAT = 1
_HEADER = struct.Struct("=8sIIQII32s64s")
_SUM = struct.Struct("=I")


class ImageError(SecBeatError):
    """A file that is no database of this engine and job, or one that was damaged."""


@dataclass(frozen=True)
class ImageHeader:
    """What a file says of itself."""

    engine: str
    job: bytes
    """SHA-256 of the rules that it was compiled from; 32 bytes."""
    target: int
    """``abi.WafClass``."""
    size: int
    """Bytes of the database."""
    crc32: int
    """Of those."""
    count: int
    """Patterns."""


def file_name(job: bytes, target: int, part: int = 0) -> str:
    """Of the database of a job for one class of target, or of a part of it; parts from 0."""
    return f"{job.hex()}-{target}-{part}.db"


def write(path: Path, header: ImageHeader, image: bytes) -> None:
    """Make the file appear as a whole. OSError."""
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
    """ImageError: it is none, or damaged, or the file has another size than it says."""
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

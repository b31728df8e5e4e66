"""The country database of a node: one file, written whole, read whole.

A header (`_HEADER`, little-endian), then ``abi.CountryRange`` records, those of IPv4 first. Writer:
``secbeat countries build``, as root. Readers: the data plane, the API, replay. A digest over all of
it tells a file that was damaged from a good one; it says nothing about who wrote it.
"""

from __future__ import annotations

import hashlib
import os
import struct
import tempfile
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from dataplane import abi
from dataplane.countries.codes import code_of
from dataplane.countries.ranges import RECORD
from dataplane.durable import sync_directory, write_all
from dataplane.errors import InvalidInputError
from dataplane.networks import KEY_BITS, MAPPED_PREFIX, Network

if TYPE_CHECKING:
    from dataplane.countries.sources import Source

MAGIC = b"SBCTRY\0\1"
_HEADER = struct.Struct("<8sQQII32s64s")
"""Magic with version; date of the data and of the file, seconds since 1970; ranges of IPv4 and of
IPv6; SHA-256 of everything with these 32 bytes zero; name."""
_DIGEST_BYTES = 32
FILE_BYTES_MAX = _HEADER.size + 2 * abi.COUNTRY_RANGES_MAX * RECORD.size
_WORDS = RECORD.size // 8


@dataclass(frozen=True)
class CountryDatabase:
    """What a file says."""

    name: str
    date_s: int
    """Of the data, seconds since 1970."""
    built_s: int
    ipv4_count: int
    """Ranges."""
    ipv6_count: int
    records: bytes
    """``abi.CountryRange``, those of IPv4 first."""

    def country(self, address: bytes) -> str:
        """The code of an address (16 bytes, IPv4 mapped)."""
        return code_of(self._country(self._range_of(address)))

    def countries_in(self, network: Network) -> set[str]:
        """The codes of all addresses of a network."""
        host_bits = (1 << (KEY_BITS - network.prefix_length)) - 1
        last = int.from_bytes(network.key, "big") | host_bits
        found = range(self._range_of(network.key), self._range_of(last.to_bytes(16, "big")) + 1)
        return {code_of(country) for country in {self._country(index) for index in found}}

    @cached_property
    def _numbers(self) -> memoryview:
        return memoryview(self.records).cast("Q")

    def _country(self, index: int) -> int:
        return self._numbers[index * _WORDS + 2] & 0xFFFF

    def _start(self, index: int) -> int:
        return self._numbers[index * _WORDS] << 64 | self._numbers[index * _WORDS + 1]

    def _range_of(self, key: bytes) -> int:
        """Index of the range of an address; mapped ones are IPv4."""
        if key.startswith(MAPPED_PREFIX):
            address, ranges = int.from_bytes(key[12:], "big") << 96, range(self.ipv4_count)
        else:
            address = int.from_bytes(key, "big")
            ranges = range(self.ipv4_count, self.ipv4_count + self.ipv6_count)
        return ranges[bisect_right(ranges, address, key=self._start) - 1]


def write(path: Path, source: Source, built_s: int) -> None:
    """Put a file in place of the one that is there, whole or not at all; readable by everybody.

    Its folder is made if it is not there.

    Raises InvalidInputError where it can't be written.
    """
    content = _encode(source, built_s)
    try:
        path.parent.mkdir(mode=0o755, exist_ok=True)
        fd, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            write_all(fd, content)
            os.fchmod(fd, 0o644)
            os.fsync(fd)
            Path(name).rename(path)
        except BaseException:
            Path(name).unlink()
            raise
        finally:
            os.close(fd)
        sync_directory(path.parent)
    except OSError as error:
        raise _refusal(path, f"can't be written: {error.strerror}") from error


def first_of(paths: Sequence[Path]) -> Path | None:
    """The first file that is there: the one in use."""
    return next((path for path in paths if path.is_file()), None)


def read_first(paths: Sequence[Path]) -> CountryDatabase:
    """Read the one in use. Raises InvalidInputError, also if there is none."""
    found = first_of(paths)
    if found is None:
        raise _refusal(paths[0], "is not there")
    return read(found)


def read(path: Path) -> CountryDatabase:
    """Read a file whole. Raises InvalidInputError that says what is wrong with it."""
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise _refusal(path, f"can't be read: {error.strerror}") from error
    if len(content) < _HEADER.size or not content.startswith(MAGIC):
        raise _refusal(path, "is no country database of this version")
    _, date_s, built_s, ipv4, ipv6, digest, name = _HEADER.unpack_from(content)
    size = _HEADER.size + (ipv4 + ipv6) * RECORD.size
    if size != len(content) or not 0 < ipv4 <= abi.COUNTRY_RANGES_MAX or not ipv6:
        raise _refusal(path, f"has {len(content):,} bytes, its header says {size:,}")
    if _digest(content) != digest:
        raise _refusal(path, "is damaged: its digest is another")
    text = name.rstrip(b"\0").decode(errors="replace")
    return CountryDatabase(text, date_s, built_s, ipv4, ipv6, content[_HEADER.size :])


def _encode(source: Source, built_s: int) -> bytes:
    counts = len(source.ipv4) // RECORD.size, len(source.ipv6) // RECORD.size
    date_s, name = int(source.date.timestamp()), source.name.encode()
    header = _HEADER.pack(MAGIC, date_s, built_s, *counts, bytes(_DIGEST_BYTES), name)
    content = header + source.ipv4 + source.ipv6
    digest = _digest(content)
    return _HEADER.pack(MAGIC, date_s, built_s, *counts, digest, name) + content[_HEADER.size :]


_DIGEST_AT = struct.calcsize("<8sQQII")


def _digest(content: bytes) -> bytes:
    view = memoryview(content)
    digest = hashlib.sha256(view[:_DIGEST_AT])
    digest.update(bytes(_DIGEST_BYTES))
    digest.update(view[_DIGEST_AT + _DIGEST_BYTES :])
    return digest.digest()


def _refusal(path: Path, problem: str) -> InvalidInputError:
    return InvalidInputError(
        f"country database {path} {problem}", field="countries", value=str(path), limit=problem
    )

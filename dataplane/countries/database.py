"""The country database of a node: one file, written and read as a whole.

A header (`_HEADER`, little-endian), then ``abi.CountryRange`` records, those of IPv4 first. Writer:
``secbeat countries build``, as root. Readers: the data plane, the API, replay. A digest over the
file detects damage; it does not authenticate the writer.
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

from dataplane.base.durable import replaceable, sync_directory, write_all
from dataplane.base.errors import InvalidInputError
from dataplane.base.networks import KEY_BITS, Network
from dataplane.countries.codes import code_of
from dataplane.countries.ranges import RECORD
from dataplane.native import abi

if TYPE_CHECKING:
    from dataplane.countries.sources import Source

MAGIC = b"SBCTRY\0\1"
_HEADER = struct.Struct("<8sQQII32s64s")
"""Magic with version; date of the data and of the file, seconds since 1970; ranges of IPv4 and of
IPv6; SHA-256 of everything with these 32 bytes zero; name."""
_DIGEST_BYTES = 32
FILE_BYTES_MAX = _HEADER.size + 2 * abi.COUNTRY_RANGES_MAX * RECORD.size
_WORDS = RECORD.size // 8
_IPV4_BITS = 32
_HOLDING_IPV4 = ((0xFFFF << 32, 96), (0x2001 << 112, 32), (0x2002 << 112, 16))
"""Prefixes, ascending, that contain an IPv4 address: mapped, Teredo (its server), 6to4. The packet
path has the same prefixes (``tables/countries/countries_private.h``), and MMDB files alias them in
this way."""


@dataclass(frozen=True)
class CountryDatabase:
    """The content of a file."""

    name: str
    date_s: int
    """Date of the data, seconds since 1970."""
    built_s: int
    ipv4_count: int
    """Number of ranges."""
    ipv6_count: int
    records: bytes
    """``abi.CountryRange`` records, those of IPv4 first."""

    def country(self, address: bytes) -> str:
        """The code of an address (16 bytes, IPv4 mapped)."""
        (code,) = self.countries_in(Network(address, KEY_BITS))
        return code

    def countries_in(self, network: Network) -> set[str]:
        """The codes of all addresses of a network."""
        first = int.from_bytes(network.key, "big")
        last = first | _ones(KEY_BITS - network.prefix_length)
        spans: set[tuple[int, int, bool]] = set()
        for start, length in _HOLDING_IPV4:
            end = start | _ones(KEY_BITS - length)
            low, high = max(first, start), min(last, end)
            if low > high:
                continue
            if first < low:
                spans.add((first, low - 1, False))
            rest = KEY_BITS - length - _IPV4_BITS
            held = (low >> rest & _ones(_IPV4_BITS), high >> rest & _ones(_IPV4_BITS))
            spans.add((*held, True))
            first = high + 1
        if first <= last:
            spans.add((first, last, False))
        numbers = {country for span in spans for country in self._countries_of(*span)}
        return {code_of(country) for country in numbers}

    def knows(self, family: int) -> bool:
        """Whether any address of IPv4 (4) or IPv6 (6) has a country."""
        numbers, split = self._numbers[2::_WORDS], self.ipv4_count
        return any(word & 0xFFFF for word in (numbers[:split] if family == 4 else numbers[split:]))  # noqa: PLR2004

    @cached_property
    def _numbers(self) -> memoryview:
        return memoryview(self.records).cast("Q")

    def _country(self, index: int) -> int:
        return self._numbers[index * _WORDS + 2] & 0xFFFF

    def _start(self, index: int) -> int:
        return self._numbers[index * _WORDS] << 64 | self._numbers[index * _WORDS + 1]

    def _countries_of(self, first: int, last: int, is_ipv4: bool) -> set[int]:
        """Numbers of the countries between two addresses of a family."""
        if is_ipv4:
            ranges, shift = range(self.ipv4_count), KEY_BITS - _IPV4_BITS
        else:
            ranges, shift = range(self.ipv4_count, self.ipv4_count + self.ipv6_count), 0
        begin, end = (
            bisect_right(ranges, address << shift, key=self._start) for address in (first, last)
        )
        return {self._country(index) for index in ranges[begin - 1 : end]}


def _ones(count: int) -> int:
    return (1 << count) - 1


def write(path: Path, source: Source, built_s: int) -> None:
    """Replace the file atomically; everybody can read it.

    Its folder is made if necessary; symbolic links are followed.

    Raises InvalidInputError if it can't be written, or is a device, a FIFO or a directory.
    """
    content = _encode(source, built_s)
    try:
        path.parent.mkdir(mode=0o755, exist_ok=True)
        target = replaceable(path)
        if target is None:
            raise _refusal(path, "can't be written: it is no regular file")
        fd, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        try:
            write_all(fd, content)
            os.fchmod(fd, 0o644)
            os.fsync(fd)
            Path(name).rename(target)
        except BaseException:
            Path(name).unlink()
            raise
        finally:
            os.close(fd)
        sync_directory(target.parent)
    except OSError as error:
        raise _refusal(path, f"can't be written: {error.strerror}") from error


def first_of(paths: Sequence[Path]) -> Path | None:
    """The first existing file: the one in use."""
    return next((path for path in paths if path.is_file()), None)


def read_first(paths: Sequence[Path]) -> CountryDatabase:
    """Read the file in use. Raises InvalidInputError, also if there is none."""
    found = first_of(paths)
    if found is None:
        raise _refusal(paths[0], "is not there")
    return read(found)


def read(path: Path) -> CountryDatabase:
    """Read a whole file. Raises InvalidInputError with the reason."""
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
    found = CountryDatabase(text, date_s, built_s, ipv4, ipv6, content[_HEADER.size :])
    if not (found.knows(4) or found.knows(6)):
        raise _refusal(path, f"({text}) knows no country of any address")
    return found


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

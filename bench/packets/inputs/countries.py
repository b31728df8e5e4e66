"""The country database of the benchmarks: half a million prefixes of each family.

``python -m bench.packets.inputs.countries [FILE]`` prints ranges, memory, and the time to read and
build its tables, and those of another database if given (``secbeat countries build``).
"""

from __future__ import annotations

import ctypes
import random
import sys
import time
from pathlib import Path

from bench.packets.inputs import traffic
from dataplane.countries import database
from dataplane.native import abi, library
from dataplane.tables.country_table import RANGE_BYTES, CountryTable

PREFIXES = 500_000
_LENGTHS = {
    4: (16, 18, *[20] * 3, *[21] * 3, *[22] * 8, *[23] * 6, *[24] * 50),
    6: (32, 36, 40, 40, 44, 44, 48, 48),
}
"""Roughly the number of the global routing table; IPv6 is denser than in reality, see `traffic`."""
_COUNTRIES = 250
BLOCKED = abi.COUNTRY_MAX
"""A country that no address has: every source is looked up, none is dropped."""


def full_table(native: ctypes.CDLL, version: int) -> CountryTable:
    """``PREFIXES`` prefixes of one family with random countries; none of the other family."""
    return CountryTable(native, *_records(version))


def _records(version: int) -> tuple[bytes, int]:
    """Packed ranges, those of IPv4 first, and the number of these."""
    none = bytes(ctypes.sizeof(abi.CountryRange))
    ranges = (abi.CountryRange * (2 * PREFIXES + 1))()
    count = _fill(ranges, version)
    records = bytes(ranges)[: count * len(none)]
    ipv4, ipv6 = (records, none) if version == 4 else (none, records)
    return ipv4 + ipv6, len(ipv4) // len(none)


def _fill(ranges: ctypes.Array[abi.CountryRange], version: int) -> int:
    """Fill in the ranges: one for each prefix, and one for each gap before one. Returns their
    number."""
    rng = random.Random(traffic.SEED)
    width = 32 if version == 4 else 128
    count = end = 0
    for first, length in _disjoint(rng, version, width):
        size = 1 << (width - length)
        if first > end:
            _set(ranges[count], end, width, 0)
            count += 1
        _set(ranges[count], first, width, 1 + rng.randrange(_COUNTRIES))
        count, end = count + 1, first + size
    return count


def _disjoint(rng: random.Random, version: int, width: int) -> list[tuple[int, int]]:
    found = set[tuple[int, int]]()
    while len(found) < 2 * PREFIXES:
        length = rng.choice(_LENGTHS[version])
        address = int.from_bytes(traffic.address(rng, version))
        found.add((address >> (width - length) << (width - length), length))
    kept, end = list[tuple[int, int]](), 0
    for first, length in sorted(found):
        if first >= end:
            kept.append((first, length))
            end = first + (1 << (width - length))
    assert len(kept) >= PREFIXES, len(kept)
    return sorted(rng.sample(kept, PREFIXES))


def _set(place: abi.CountryRange, first: int, width: int, country: int) -> None:
    key = first << (128 - width)
    place.hi, place.lo, place.country = key >> 64, key & ((1 << 64) - 1), country


def main(file: Path | None) -> None:
    """Print size and time of each table."""
    native = library.load()
    for version in (4, 6):
        records, ipv4_count = _records(version)
        start = time.perf_counter()
        _show(native, f"{PREFIXES:,} random IPv{version} prefixes", records, ipv4_count, start)
    if file:
        start = time.perf_counter()
        found = database.read(file)
        name = f"{found.name}, {file.stat().st_size / 1e6:.1f} MB"
        _show(native, name, found.records, found.ipv4_count, start)


def _show(native: ctypes.CDLL, name: str, records: bytes, ipv4_count: int, start: float) -> None:
    with CountryTable(native, records, ipv4_count) as table:
        took = time.perf_counter() - start
        ipv6_count = len(records) // RANGE_BYTES - ipv4_count
        print(
            f"{name}: {ipv4_count:,} IPv4 and {ipv6_count:,} IPv6 ranges, table "
            f"{table.bytes / 1e6:.1f} MB, {took:.2f} s"
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)

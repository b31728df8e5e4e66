"""The country database of the bench: half a million prefixes of each family."""

from __future__ import annotations

import ctypes
import random

from bench import traffic
from dataplane import abi
from dataplane.country_table import CountryTable

PREFIXES = 500_000
_LENGTHS = {
    4: (16, 18, *[20] * 3, *[21] * 3, *[22] * 8, *[23] * 6, *[24] * 50),
    6: (32, 36, 40, 40, 44, 44, 48, 48),
}
"""About as often as in the routing table; IPv6 is denser than any real one, see `traffic`."""
_COUNTRIES = 250
BLOCKED = abi.COUNTRY_MAX
"""A country that no address has: everybody is looked up, nobody is dropped."""


def full_table(library: ctypes.CDLL, version: int) -> CountryTable:
    """``PREFIXES`` prefixes of one family, of random countries; the other family has none."""
    none = bytes(ctypes.sizeof(abi.CountryRange))
    ranges = (abi.CountryRange * (2 * PREFIXES + 1))()
    count = _fill(ranges, version)
    records = bytes(ranges)[: count * len(none)]
    ipv4, ipv6 = (records, none) if version == 4 else (none, records)
    return CountryTable(library, ipv4 + ipv6, len(ipv4) // len(none))


def _fill(ranges: ctypes.Array[abi.CountryRange], version: int) -> int:
    """How many ranges: one for each prefix, and one for each gap behind one."""
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

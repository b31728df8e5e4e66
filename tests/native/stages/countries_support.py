"""Country tables for tests, from plain ranges."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

from dataplane.countries.ranges import RECORD
from dataplane.tables.country_table import CountryTable

Ranges = Sequence[tuple[int, int]]
"""First address, of 32 or 128 bits, and country."""
HALF = (1 << 64) - 1


def records(ranges: Ranges, bits: int) -> bytes:
    """As the packet path takes them."""
    shifted = [(first << (128 - bits), country) for first, country in ranges]
    return b"".join(RECORD.pack(first >> 64, first & HALF, one) for first, one in shifted)


def country_table(library: ctypes.CDLL, ipv4: Ranges, ipv6: Ranges) -> CountryTable:
    """A table of these ranges."""
    return CountryTable(library, records(ipv4, 32) + records(ipv6, 128), len(ipv4))

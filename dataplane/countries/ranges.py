"""Packs ranges of addresses as ``abi.CountryRange`` records, beginning at address 0.

A range ends at the start of the next one. Gaps become ranges without a country, and adjacent ranges
of the same country are merged.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path

from dataplane.base.errors import InvalidInputError
from dataplane.native import abi

RECORD = struct.Struct("<QQH6x")
"""``abi.CountryRange``: upper and lower half of the first address, country."""
_ADDRESS_BITS = 128
_HALF = (1 << 64) - 1


def pack_ranges(ranges: Iterable[tuple[int, int, int]], bits: int, source: Path) -> bytes:
    """Pack ranges (first and last address of ``bits`` bits, country) that ascend and are disjoint.

    Raises InvalidInputError naming two ranges in wrong order, a range that ends beyond the family,
    or the limit of ``abi.COUNTRY_RANGES_MAX``.
    """
    packed, country_before, end = bytearray(), -1, 0
    for first, last, country in ranges:
        if not end <= first <= last < 1 << bits:
            why = f"range {first:#x} to {last:#x} begins before {end:#x}, ends before it begins, "
            raise _refusal(source, why + f"or ends beyond {bits} bits")
        if first > end and country_before != 0:
            packed += _record(end, bits, 0)
            country_before = 0
        if country != country_before:
            packed += _record(first, bits, country)
            country_before = country
        end = last + 1
    if end < 1 << bits and country_before != 0:
        packed += _record(end, bits, 0)
    count = len(packed) // RECORD.size
    if count > abi.COUNTRY_RANGES_MAX:
        limit = f"at most {abi.COUNTRY_RANGES_MAX:,} ranges of a family"
        raise _refusal(source, f"has {count:,} ranges of {bits} bits; {limit}")
    return bytes(packed)


def _record(first: int, bits: int, country: int) -> bytes:
    key = first << (_ADDRESS_BITS - bits)
    return RECORD.pack(key >> 64, key & _HALF, country)


def _refusal(source: Path, problem: str) -> InvalidInputError:
    return InvalidInputError(
        f"country source {source}: {problem}", field="source", value=str(source), limit=problem
    )

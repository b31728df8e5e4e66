"""Packing: gaps, neighbours, order and bounds."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataplane.base.errors import InvalidInputError
from dataplane.countries.ranges import RECORD, pack_ranges
from dataplane.native import abi

HERE = Path("source")


def unpacked(ranges: list[tuple[int, int, int]], bits: int = 32) -> list[tuple[int, int]]:
    packed = pack_ranges(ranges, bits, HERE)
    return [
        ((hi << 64 | lo) >> (128 - bits), country) for hi, lo, country in RECORD.iter_unpack(packed)
    ]


def test_gaps_are_ranges_of_no_country() -> None:
    assert unpacked([(10, 19, 1), (30, 39, 2)]) == [(0, 0), (10, 1), (20, 0), (30, 2), (40, 0)]


def test_neighbours_of_one_country_are_one_range() -> None:
    assert unpacked([(0, 9, 1), (10, 19, 1), (20, 29, 2)]) == [(0, 1), (20, 2), (30, 0)]


def test_what_is_not_known_is_as_a_gap() -> None:
    assert unpacked([(10, 19, 0), (30, 39, 1)]) == [(0, 0), (30, 1), (40, 0)]


def test_a_family_may_be_full_or_empty() -> None:
    assert unpacked([(0, (1 << 128) - 1, 5)], 128) == [(0, 5)]
    assert unpacked([]) == [(0, 0)]


@pytest.mark.parametrize(
    "ranges",
    [[(10, 20, 1), (20, 30, 2)], [(10, 20, 1), (0, 5, 2)], [(10, 9, 1)], [(10, 1 << 32, 1)]],
    ids=["overlapping", "descending", "backwards", "beyond"],
)
def test_ranges_that_do_not_ascend_are_refused(ranges: list[tuple[int, int, int]]) -> None:
    with pytest.raises(InvalidInputError, match="country source source"):
        pack_ranges(ranges, 32, HERE)


def test_more_ranges_than_the_packet_path_takes_are_refused() -> None:
    ranges = ((i, i, 1 + i % 2) for i in range(abi.COUNTRY_RANGES_MAX))
    with pytest.raises(InvalidInputError, match=r"has 1,048,577 ranges of 32 bits; at most"):
        pack_ranges(ranges, 32, HERE)

"""Ranges of 16-bit numbers in the form of the packet path: ascending and disjoint."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dataplane.native import abi


def merged(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """First and last of each range, ascending and disjoint; adjacent ranges are merged."""
    found = list[tuple[int, int]]()
    for first, last in sorted(ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(last, found[-1][1])
        else:
            found.append((first, last))
    return found


def fill_ranges(rule: abi.PortRule, ranges: Sequence[tuple[int, int]], *, is_deny: bool) -> None:
    """Write the refused ranges; or the allowed ranges, all others being refused."""
    rule.is_deny, rule.count = is_deny, len(ranges)
    for place, (first, last) in zip(rule.range, ranges, strict=False):
        place.first, place.last = first, last

"""What HTTP inspection counts, as plain values, and how it is read from the statistics pages."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from dataplane.native import abi

_WORD = 8
STATUS_CLASSES = ("other", "1xx", "2xx", "3xx", "4xx", "5xx")
"""By their index."""


@dataclass(frozen=True)
class HttpStats:
    """Sums over the lcores, of ``struct sb_http_stats``."""

    connections: int
    """That are inspected now."""
    requests: int
    """Whose head was complete."""
    blocked: int
    """Requests that a rule, or how they are written, has stopped."""
    limited: int
    """Requests that were one too many."""
    resets: int
    """Connections that were reset on both sides."""
    slow: Mapping[str, int]
    """Of those: their clients were too slow, by what with (``enum sb_http_slow``)."""
    not_inspected: Mapping[str, int]
    """By cause (``enum sb_http_uninspected``)."""
    responses: Mapping[str, int]
    """By class of the status code."""
    pool_bytes: int
    pool_used: int
    """Bytes."""
    pool_full: int
    """Segments dropped for want of room."""


@dataclass(frozen=True)
class ScanStats:
    """The engine of the WAF: sums over the lcores, of ``struct sb_waf_stats``."""

    scans: int
    bytes: int
    failed: int
    hits: int
    """Of all rules together."""
    cut: int
    """Requests that hit more rules than are listed of one."""
    sampled_scans: int
    """Whose cycles were measured."""
    sampled_cycles: int


@dataclass(frozen=True)
class GroupStats:
    """Requests that rules of one group hit, each request once: of the rule that evidence shows."""

    name: str
    """``none``: rules without a group."""
    logged: int
    monitored: int
    """A rule of it blocks, but a mode let the request pass."""
    blocked: int


Summed = Callable[[int, int], Sequence[int]]
"""So many words at an offset in the statistics of an lcore, summed over all."""


def read_http(summed: Summed) -> HttpStats:
    """From the pages."""
    offset: int = abi.LcoreStats.http.offset
    words = iter(summed(offset, ctypes.sizeof(abi.HttpStats) // _WORD))
    connections, requests, blocked, limited, resets = (next(words) for _ in range(5))
    return HttpStats(
        *(connections, requests, blocked, limited, resets),
        slow={kind.name.lower(): next(words) for kind in abi.HttpSlow},
        not_inspected={cause.name.lower(): next(words) for cause in abi.HttpUninspected},
        responses={name: next(words) for name in STATUS_CLASSES},
        pool_bytes=next(words),
        pool_used=next(words),
        pool_full=next(words),
    )


def read_scans(summed: Summed) -> ScanStats:
    """From the pages."""
    offset: int = abi.LcoreStats.waf.offset
    return ScanStats(*summed(offset, ctypes.sizeof(abi.WafStats) // _WORD))

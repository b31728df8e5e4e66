"""The statistics of HTTP inspection as plain values, and their reading from the
statistics pages."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from dataplane.native import abi

_WORD = 8
STATUS_CLASSES = ("other", "1xx", "2xx", "3xx", "4xx", "5xx")
"""Names by index."""


@dataclass(frozen=True)
class HttpStats:
    """Sums over the lcores, from ``struct sb_http_stats``."""

    connections: int
    """Connections that are inspected now."""
    requests: int
    """Requests whose head was complete."""
    blocked: int
    """Requests refused because of a rule or of framing."""
    limited: int
    """Requests refused because of a limit."""
    resets: int
    """Connections that were reset on both sides."""
    slow: Mapping[str, int]
    """Part of these: connections of slow clients, by kind (``enum sb_http_slow``)."""
    not_inspected: Mapping[str, int]
    """Connections that could not be inspected, by cause (``enum sb_http_uninspected``)."""
    responses: Mapping[str, int]
    """Responses by class of the status code."""
    pool_bytes: int
    pool_used: int
    """Bytes of the pool."""
    pool_full: int
    """Segments dropped because the pool was full."""


@dataclass(frozen=True)
class ScanStats:
    """Statistics of the WAF's engine: sums over the lcores, from ``struct sb_waf_stats``."""

    scans: int
    bytes: int
    failed: int
    hits: int
    """Hits of all rules together."""
    cut: int
    """Requests that hit more rules than can be listed for one request."""
    sampled_scans: int
    """Scans whose cycles were measured."""
    sampled_cycles: int


@dataclass(frozen=True)
class GroupStats:
    """Requests hit by rules of one group. A request counts once, for the rule in its evidence."""

    name: str
    """``none``: rules without a group."""
    logged: int
    monitored: int
    """Requests that a rule of the group would block, but a mode let pass."""
    blocked: int


Summed = Callable[[int, int], Sequence[int]]
"""Reads words at an offset in the statistics of an lcore, summed over all lcores."""


def read_http(summed: Summed) -> HttpStats:
    """Read the HTTP statistics from the pages."""
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
    """Read the engine's statistics from the pages."""
    offset: int = abi.LcoreStats.waf.offset
    return ScanStats(*summed(offset, ctypes.sizeof(abi.WafStats) // _WORD))

"""Reads the counters of each port from the statistics pages."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import TypeAlias

from dataplane.native import abi
from dataplane.shared import stats

_WORD = 8
_HEADER = abi.StatsHeader
_LCORE = abi.LcoreStats
_PORT = abi.PortStats
Words: TypeAlias = Callable[[int, int], list[int]]
"""Reads so many words at a byte offset."""


def read_port(port: abi.Port, span: Words, summed: Words) -> stats.PortStats:
    """One port. ``span``: reads words at a byte offset; ``summed``: sums over the lcores' pages."""
    size = ctypes.sizeof(_PORT)
    words = summed(_LCORE.port.offset + port * size, size // _WORD)  # type: ignore[attr-defined]
    dropped = words[_PORT.dropped.offset // _WORD :][: abi.REASON_COUNT]  # type: ignore[attr-defined]
    size = ctypes.sizeof(abi.DeviceStats)
    device = span(_HEADER.device.offset + port * size, size // _WORD)  # type: ignore[attr-defined]
    missed, errors, no_mbuf, tx_errors, link_up, speed_mbps, *_ = device
    return stats.PortStats(
        name=named(port),
        received=words[0],
        received_bytes=words[1],
        forwarded=words[2],
        forwarded_bytes=words[3],
        consumed=words[4],
        held_now=words[5],
        dropped={named(reason): dropped[reason] for reason in abi.Reason if dropped[reason]},
        link=_link(port, summed),
        inner=_by_encapsulation(port, summed),
        neighbors=_by_neighbor(summed, _LCORE.neighbor.offset + port * abi.NEIGHBOR_COUNT * _WORD),  # type: ignore[attr-defined]
        dropped_bytes=words[-1],
        missed=missed,
        errors=errors,
        no_mbuf=no_mbuf,
        tx_errors=tx_errors,
        link_up=link_up != 0,
        speed_mbps=speed_mbps,
    )


def read_neighbors_beyond(summed: Words) -> dict[str, int]:
    """Packets of neighbours that exceeded their budget, by protocol."""
    return _by_neighbor(summed, _LCORE.neighbor_beyond.offset)  # type: ignore[attr-defined]


def _link(port: abi.Port, summed: Words) -> dict[str, int]:
    offset: int = _LCORE.link.offset + port * abi.LINK_COUNT * _WORD  # type: ignore[attr-defined]
    found = zip(abi.Link, summed(offset, abi.LINK_COUNT), strict=True)
    return {named(link): packets for link, packets in found if link is not abi.Link.NONE}


def _by_encapsulation(port: abi.Port, summed: Words) -> dict[str, int]:
    count = abi.ENCAPSULATION_COUNT
    offset: int = _LCORE.inner.offset + port * count * _WORD  # type: ignore[attr-defined]
    found = zip(abi.Encapsulation, summed(offset, count), strict=True)
    return {named(kind): packets for kind, packets in found}


def _by_neighbor(summed: Words, offset: int) -> dict[str, int]:
    found = zip(abi.Neighbor, summed(offset, abi.NEIGHBOR_COUNT), strict=True)
    return {named(said): packets for said, packets in found}


def named(member: abi.Port | abi.Link | abi.Encapsulation | abi.Neighbor | abi.Reason) -> str:
    """The name in the statistics."""
    return member.name.lower()

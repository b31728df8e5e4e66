"""The state of the links and of the drain, as read from the statistics page."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from dataplane.native import abi

_WORD = 8
Words: TypeAlias = Callable[[int, int], list[int]]
"""Reads so many words at a byte offset."""


@dataclass(frozen=True)
class PortLink:
    """The link of one port; ``is_up`` is False while it is held."""

    is_up: bool = True
    can_be_held: bool = False
    """Whether the port's driver or the kernel can take the link down."""
    is_held: bool = False


@dataclass(frozen=True)
class LinksStats:
    """See ``enum sb_links_state``; ``losses``: those that were forwarded since the start."""

    state: str = "watching"
    age_s: float = 0.0
    """Time since the state changed."""
    loss_forwarding: bool = False
    losses: int = 0
    ports: Mapping[str, PortLink] = field(default_factory=dict)


@dataclass(frozen=True)
class DrainStats:
    """See ``enum sb_drain_state``: off, connections, traffic, complete."""

    state: str = "off"
    quiet_s: float = 0.0
    """Time since a packet arrived, other than link control; only while the node drains."""
    lost: int = 0
    """Proxied connections that were left when drains were complete, since the start."""
    takes_links_down: bool = False


def read_drain(span: Words) -> DrainStats:
    """The state of the drain; arguments as of `read_links`."""
    size, offset = ctypes.sizeof(abi.Drain) // _WORD, abi.StatsHeader.drain.offset
    _, state, takes_links_down, quiet_ms, lost = span(offset, size)
    name = abi.DrainState(state).name.lower() if state < len(abi.DrainState) else "unknown"
    return DrainStats(name, quiet_ms / 1000, lost, takes_links_down != 0)


def read_links(span: Words, now_ms: int) -> LinksStats:
    """The state of the links. ``span``: reads words at a byte offset; ``now_ms``: on the boot
    clock."""
    links: int = abi.StatsHeader.links.offset
    state, since_ms, loss_forwarding, losses = span(links, ctypes.sizeof(abi.Links) // _WORD)
    return LinksStats(
        state=abi.LinksState(state).name.lower() if state < len(abi.LinksState) else "unknown",
        age_s=max(0, now_ms - since_ms) / 1000,
        loss_forwarding=loss_forwarding != 0,
        losses=losses,
        ports={port.name.lower(): _port(span, port) for port in abi.Port},
    )


def _port(span: Words, port: abi.Port) -> PortLink:
    size = ctypes.sizeof(abi.DeviceStats)
    offset: int = abi.StatsHeader.device.offset + port * size  # type: ignore[attr-defined]
    device = abi.DeviceStats(*span(offset, size // _WORD))
    return PortLink(
        is_up=device.link_up != 0,
        can_be_held=device.link_can_be_held != 0,
        is_held=device.link_held != 0,
    )

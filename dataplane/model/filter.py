"""filter."""

from __future__ import annotations

from dataplane.model.node import Lcore, Time
from dataplane.model.packet import Packet


def filter_(_lcore: Lcore, _packet: Packet, _now: Time) -> bool:
    """Nothing yet."""
    return True

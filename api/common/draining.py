"""What a drain of a node still waits for, by the figures in its heartbeats."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def left(stats: Mapping[str, Any]) -> str | None:
    """What the drain waits for; None: it is complete.

    A node of this release reports when its drain is complete; an older one only counts its
    connections.
    """
    complete, count = stats.get("drain_complete"), stats.get("connections_active")
    if complete is not None:
        proxied = stats.get("connections_proxied")
        what = f"{proxied} proxied connections are left, or packets still arrive"
        return None if complete else what
    if count == 0:
        return None
    return f"{'an unknown number of' if count is None else count} connections are left"

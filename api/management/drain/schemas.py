"""Bodies of ``/drain``."""

from __future__ import annotations

from typing import Literal

from api.common.contract.schemas import Strict, Timestamp


class DrainState(Strict):
    """The begin of the drain, the key that requested it, and its progress."""

    since: Timestamp
    by: str
    complete: bool
    """The node can be stopped: only ``connections_lost`` are lost."""
    waiting_for: Literal["dataplane", "connections", "traffic"] | None
    """The event that the drain waits for. ``dataplane``: the data plane runs and has received the
    request; ``connections``: proxied connections end; ``traffic``: no packet has arrived for the
    configured time."""
    proxied_connections: int | None
    """Connections that only this node can continue. Null, as the next fields: the data plane is
    away."""
    quiet_seconds: float | None
    """Time since a packet arrived, other than link control."""
    connections_lost: int | None
    """Proxied connections that were left when drains were complete, since the data plane
    started."""
    takes_links_down: bool | None


class DrainBody(Strict):
    """The state of draining; ``drain`` null: the node does not drain."""

    draining: bool
    drain: DrainState | None

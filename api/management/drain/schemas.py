"""Bodies of ``/drain``."""

from __future__ import annotations

from typing import Literal

from api.common.contract.schemas import Strict, Timestamp


class DrainState(Strict):
    """Since when the node drains, which key requested it, and its progress."""

    since: Timestamp
    by: str
    complete: bool
    """The node can be stopped: nothing is lost but ``connections_lost``."""
    waiting_for: Literal["dataplane", "connections", "traffic"] | None
    """That the data plane is there and knows of it; that proxied connections end; that no packet
    comes in for as long as the configuration says."""
    proxied_connections: int | None
    """That only this node can go on with; null, as what follows: the data plane is away."""
    quiet_seconds: float | None
    """Since a packet came in, other than control of the link."""
    connections_lost: int | None
    """Proxied ones that were left when a drain was complete, since the data plane started."""
    takes_links_down: bool | None


class DrainBody(Strict):
    """Whether the node drains."""

    draining: bool
    drain: DrainState | None

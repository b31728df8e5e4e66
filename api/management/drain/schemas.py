"""Bodies of ``/drain``."""

from __future__ import annotations

from api.common.schemas import Strict, Timestamp


class DrainState(Strict):
    """Since when the node drains, and whose key asked for it."""

    since: Timestamp
    by: str


class DrainBody(Strict):
    """Whether the node drains."""

    draining: bool
    drain: DrainState | None

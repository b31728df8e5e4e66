"""The document that a node asks for once a second."""

from __future__ import annotations

from typing import Literal

from api.common.schemas import Strict


class DesiredBody(Strict):
    """What one node is to enforce, by numbers: what has another number than the node has, it
    fetches."""

    epoch: str
    """Which database the numbers are of (a UUID)."""
    state: Literal["active", "draining"]
    policy: int | None = None
    """Number of the policy's version; null: the fleet has none for this node."""
    lists: int = 0
    """The fleet's change that last touched its blacklist or allowlist; 0: never."""
    rules: int = 0
    """The same of its rules of the WAF."""

"""``connection_state``: the action for packets that belong to no connection."""

from __future__ import annotations

from typing import ClassVar, Literal

from dataplane.native.abi import Reason
from dataplane.policy.reasons import ReasonsRule


class ConnectionStateRule(ReasonsRule):
    """The action for all reasons about connections, or for the named ones."""

    REASONS: ClassVar[tuple[Reason, ...]] = (
        Reason.OUT_OF_STATE,
        Reason.OUT_OF_WINDOW,
        Reason.CONNECTIONS_FULL,
        Reason.CONNECTIONS_SHARE,
    )

    type: Literal["connection_state"]

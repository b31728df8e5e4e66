"""``connection_limit``: the number of connections that a source may have."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from dataplane.native import abi
from dataplane.native.abi import Reason
from dataplane.policy.rule import Rule

CONNECTIONS_OF_SOURCE_MAX = 1_000_000


class ConnectionLimitRule(Rule):
    """Limits the established connections of one source: further new connections are refused."""

    REASONS: ClassVar[tuple[Reason, ...]] = (Reason.CONNECTIONS_SOURCE,)

    type: Literal["connection_limit"]
    value: Annotated[int, Field(ge=1, le=CONNECTIONS_OF_SOURCE_MAX)]

    def fill(self, profile: abi.Profile, lcores: int) -> None:  # noqa: ARG002 - a source has one lcore
        """See `Rule`."""
        profile.connections_max = self.value

    def setting(self) -> tuple[str, str]:
        """See `Rule`."""
        return "connection_limit limit", f"{self.value} established per source"

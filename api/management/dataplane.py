"""The API's view of the data plane: what it may ask of it, and that it may be away at any time.

Writes no state: that travels through the state log. Nothing here blocks beyond its stated bound.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol
from uuid import UUID

from dataplane.networks import Network
from dataplane.statelog import ListName
from dataplane.stats import Capacities, NodeStats

Key = tuple[ListName, Network]


class Dataplane(Protocol):
    """The port behind which a real data plane or a test's fake stands. Safe for several threads."""

    def stats(self) -> NodeStats:
        """What it publishes; raises `DataplaneAwayError`."""
        ...

    def capacities(self) -> Capacities:
        """The sizes of its tables, as in `stats` and cheaper; raises `DataplaneAwayError`."""
        ...

    def announce(self, revision: int) -> None:
        """Ring the doorbell. Never raises: the data plane polls the log anyway."""
        ...

    def wait_in_force(self, database_id: UUID, revision: int, timeout_s: float) -> bool:
        """Whether packets meet the revision before the time is over; False when it is away."""
        ...

    def hits(self, keys: Sequence[Key]) -> Mapping[Key, int]:
        """Packets that each entry hit; keys without an answer in time are missing."""
        ...

    def close(self) -> None:
        """Give the leases back; idempotent."""
        ...

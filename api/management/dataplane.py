"""The API's view of the data plane: what it may ask of it, and that it may be away at any time.

Writes no state: that travels through the state log. Nothing here blocks beyond its stated bound.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol
from uuid import UUID

from dataplane.base.networks import Network
from dataplane.client import Evidence, PacketExplanation, PacketQuestion
from dataplane.shared.incidents import BaselinePeriod, Incident, Top
from dataplane.shared.stats import Capacities, NodeStats
from dataplane.statelog import ListName

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

    def wait_in_force(
        self, database_id: UUID, revision: int, timeout_s: float, *, of_rules: bool = False
    ) -> bool:
        """Whether packets meet the revision before the time is over; False when it is away.

        ``of_rules``: and requests the rules of the WAF that it changes.
        """
        ...

    def hits(self, keys: Sequence[Key]) -> Mapping[Key, int]:
        """Packets that each entry hit; keys without an answer in time are missing."""
        ...

    def most_hit(self, name: ListName) -> Sequence[Network]:
        """The networks of a list that packets hit most, at most 1,000, the most hit first.

        As of some seconds ago; raises `DataplaneAwayError`.
        """
        ...

    def rule_hits(self, numbers: Sequence[int]) -> Mapping[int, int] | None:
        """Requests that each rule of the WAF hit; one that it does not have is missing.

        None: it is away.
        """
        ...

    def evidence(self, limit: int, rule: int | None) -> Sequence[Evidence]:
        """The newest requests that rules of the WAF hit, newest first; raises
        `DataplaneAwayError`."""
        ...

    def incidents(self) -> Sequence[Incident]:
        """The newest attacks, oldest first; raises `DataplaneAwayError`."""
        ...

    def top(self) -> Top:
        """The heaviest sources and targets; raises `DataplaneAwayError`."""
        ...

    def profiles(self) -> Mapping[int, str]:
        """Names of the profiles, by index; raises `DataplaneAwayError`."""
        ...

    def explain(self, question: PacketQuestion) -> PacketExplanation:
        """What would happen to a packet now; raises `DataplaneAwayError`, also without an answer
        in time."""
        ...

    def baseline(self) -> BaselinePeriod:
        """The rates of profiles in the last ten seconds that are over; raises
        `DataplaneAwayError`."""
        ...

    def close(self) -> None:
        """Give the leases back; idempotent."""
        ...

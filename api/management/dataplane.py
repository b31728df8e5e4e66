"""The interface between API and data plane; the data plane may be away at any time.

It carries no state: state goes through the state log. No call blocks longer than its stated bound.
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
    """Implemented by the real data plane's client and by the fakes of tests. Safe for several
    threads."""

    def stats(self) -> NodeStats:
        """The published statistics; raises `DataplaneAwayError`."""
        ...

    def capacities(self) -> Capacities:
        """The sizes of its tables, as in `stats` but cheaper; raises `DataplaneAwayError`."""
        ...

    def announce(self, revision: int) -> None:
        """Ring the doorbell. Never raises: the data plane polls the log anyway."""
        ...

    def wait_in_force(
        self, database_id: UUID, revision: int, timeout_s: float, *, of_rules: bool = False
    ) -> bool:
        """Wait until the revision is in force; False: not in time, or the data plane is away.

        ``of_rules``: also wait until the WAF rules that it changes are in force.
        """
        ...

    def hits(self, keys: Sequence[Key]) -> Mapping[Key, int]:
        """Hits of each entry in packets; keys without an answer in time are missing."""
        ...

    def most_hit(self, name: ListName) -> Sequence[Network]:
        """The networks of a list that packets hit most, at most 1,000, the most hit first.

        As of some seconds ago; raises `DataplaneAwayError`.
        """
        ...

    def rule_hits(self, numbers: Sequence[int]) -> Mapping[int, int] | None:
        """Hits of each WAF rule in requests; rules that the data plane does not have are missing.

        None: the data plane is away.
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
        """The verdict on a packet now, with its reasons; raises `DataplaneAwayError`, also without
        an answer in time."""
        ...

    def baseline(self) -> BaselinePeriod:
        """The rates of profiles in the last complete period of ten seconds; raises
        `DataplaneAwayError`."""
        ...

    def close(self) -> None:
        """Release the leases; idempotent."""
        ...

"""The observe lease: the data plane's published values as plain values."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Self
from uuid import UUID

from dataplane.base.clock import SystemClock
from dataplane.base.errors import DataplaneAwayError
from dataplane.base.networks import Network
from dataplane.client.lease import Lease
from dataplane.native import abi
from dataplane.shared.captures import Capture, Seen
from dataplane.shared.evidence import Evidence
from dataplane.shared.incidents import BaselinePeriod, Incident, Top
from dataplane.shared.pages.statsview import StatsView
from dataplane.shared.stats import Capacities, NodeStats
from dataplane.shared.transport.ring import RingError
from dataplane.statelog import ListName


class Observer:
    """The observe lease: reads statistics. Does not load libsecbeat."""

    def __init__(self, lease: Lease) -> None:
        """Not for callers: see `door.observe`."""
        self._lease = lease
        try:
            self._view = StatsView(lease.memories[0].view, SystemClock())
        except BaseException:
            lease.close()
            raise

    def stats(self) -> NodeStats:
        """The published values now; DataplaneAwayError if the data plane has ended."""
        self._require_alive()
        with translated():
            return self._view.read()

    def capacities(self) -> Capacities:
        """The sizes of the tables; cheaper than `stats`."""
        self._require_alive()
        with translated():
            return self._view.capacities()

    def in_force(self, database_id: UUID, revision: int, *, of_rules: bool = False) -> bool:
        """Whether the revision is in force, by the last published values, even of an ended data
        plane.

        ``of_rules``: also the WAF rules that it changes.
        """
        with translated():
            return self._view.in_force(database_id, revision, of_rules=of_rules)

    def rule_hits(self, numbers: Sequence[int]) -> dict[int, int]:
        """Hits of each rule in requests; rules that the data plane does not have are missing."""
        self._require_alive()
        with translated():
            return self._view.rule_hits(numbers)

    def evidence(self, limit: int, rule: int | None = None) -> list[Evidence]:
        """The newest evidence of WAF rules, or of one rule, newest first."""
        self._require_alive()
        with translated():
            return self._view.evidence(limit, rule)

    def incidents(self, updated_since_boot_ms: int = 0) -> list[Incident]:
        """Attacks, active and ended, oldest first: the newest 256, with all active ones.

        ``updated_since_boot_ms``: only those changed since that time on the boot clock.
        """
        self._require_alive()
        with translated():
            return self._view.incidents(updated_since_boot_ms)

    def captures(self, seen: Seen, limit: int) -> tuple[list[Capture], Seen]:
        """Packets of attacks that were kept since ``seen``, the second result of the call before.

        ``{}`` for the first call; at most the newest ``limit`` of each lcore.
        """
        self._require_alive()
        with translated():
            return self._view.captures(seen, limit)

    def top(self) -> Top:
        """The heaviest sources and targets of the node."""
        self._require_alive()
        with translated():
            return self._view.top()

    def most_hit(self, name: ListName) -> list[Network]:
        """The networks of a list that packets hit most, at most 1,000, the most hit first."""
        self._require_alive()
        with translated():
            return self._view.most_hit(abi.ListKind[name.upper()])

    def profiles(self) -> dict[int, str]:
        """Names of the profiles, by index; 0 is the default."""
        self._require_alive()
        with translated():
            return self._view.profiles()

    def baseline(self) -> BaselinePeriod:
        """The rates of profiles in the last complete period of ten seconds."""
        self._require_alive()
        with translated():
            return self._view.baseline()

    def alive(self) -> bool:
        """Whether the data plane still holds the other end; true also for a hung one: see the
        heartbeat."""
        return self._lease.alive()

    def close(self) -> None:
        """Release the lease; idempotent."""
        self._view.close()
        self._lease.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _require_alive(self) -> None:
        if not self.alive():
            raise DataplaneAwayError("the data plane has gone")


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Convert protocol errors of the other end, and the use of a closed lease, to
    `DataplaneAwayError`."""
    try:
        yield
    except RingError as exc:
        raise DataplaneAwayError(f"the data plane broke the ring protocol: {exc}") from exc
    except ValueError as exc:
        raise DataplaneAwayError("the lease has been given back") from exc

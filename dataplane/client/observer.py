"""The observe lease: what the data plane publishes, as plain values."""

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
        """What the data plane publishes now; DataplaneAwayError when it has gone."""
        self._require_alive()
        with translated():
            return self._view.read()

    def capacities(self) -> Capacities:
        """The sizes of the tables; cheaper than `stats`."""
        self._require_alive()
        with translated():
            return self._view.capacities()

    def in_force(self, database_id: UUID, revision: int, *, of_rules: bool = False) -> bool:
        """Whether packets meet the revision, by what was published last, be it gone since.

        ``of_rules``: and requests the rules of the WAF that it changes.
        """
        with translated():
            return self._view.in_force(database_id, revision, of_rules=of_rules)

    def rule_hits(self, numbers: Sequence[int]) -> dict[int, int]:
        """Requests that each rule hit; one that the data plane does not have is missing."""
        self._require_alive()
        with translated():
            return self._view.rule_hits(numbers)

    def evidence(self, limit: int, rule: int | None = None) -> list[Evidence]:
        """The newest that rules of the WAF have matched, of one if it is named, newest first."""
        self._require_alive()
        with translated():
            return self._view.evidence(limit, rule)

    def incidents(self, updated_since_boot_ms: int = 0) -> list[Incident]:
        """Attacks, active and ended, oldest first: the newest 256, those that go on among them.

        ``updated_since_boot_ms``: only what has changed since that time on the boot clock.
        """
        self._require_alive()
        with translated():
            return self._view.incidents(updated_since_boot_ms)

    def captures(self, seen: Seen, limit: int) -> tuple[list[Capture], Seen]:
        """Packets of attacks that were kept since ``seen``, which is what it gave before.

        At first ``{}``; at most the newest ``limit`` of each lcore.
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
        """The rates of profiles in the last ten seconds that are over."""
        self._require_alive()
        with translated():
            return self._view.baseline()

    def alive(self) -> bool:
        """Whether the data plane still holds the other end. A hung one does: see the heartbeat."""
        return self._lease.alive()

    def close(self) -> None:
        """Give the lease back; idempotent."""
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
    """What the other end may not do, and a lease that was given back, as `DataplaneAwayError`."""
    try:
        yield
    except RingError as exc:
        raise DataplaneAwayError(f"the data plane broke the ring protocol: {exc}") from exc
    except ValueError as exc:
        raise DataplaneAwayError("the lease has been given back") from exc

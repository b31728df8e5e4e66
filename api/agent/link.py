"""Keeps a client of the data plane connected; detects when the data plane is away.

The main thread calls ``turn``, the only method that connects. Threads of scrapes use the connection
that is there.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

import structlog

from api.agent.metrics.tally import AgentTally
from dataplane.base.errors import DataplaneAwayError, SecBeatError
from dataplane.shared.captures import Capture, Seen
from dataplane.shared.incidents import BaselinePeriod, Incident
from dataplane.shared.stats import NodeStats

BACKOFF_MIN_S = 0.1
BACKOFF_MAX_S = 1.0


class Client(Protocol):
    """The common interface of all clients of the data plane."""

    def alive(self) -> bool:
        """Whether the data plane still holds the other end."""

    def close(self) -> None:
        """Whether the data plane still holds the other end."""


class Observer(Client, Protocol):
    """A client that reads statistics."""

    def stats(self) -> NodeStats:
        """All that the data plane publishes."""

    def incidents(self, updated_since_boot_ms: int = 0) -> Sequence[Incident]:
        """Incidents of the data plane's table that were written since then."""

    def captures(self, seen: Seen, limit: int) -> tuple[list[Capture], Seen]:
        """Packets of attacks since ``seen``, and the new ``seen``."""

    def baseline(self) -> BaselinePeriod:
        """The rates of the profiles in the last complete period of ten seconds."""


class StatsSource(Protocol):
    """The source of statistics for scrapes."""

    def read(self) -> NodeStats | None:
        """The node's statistics now; None while it is away."""


ClientT = TypeVar("ClientT", bound=Client)
Result = TypeVar("Result")


class Link(Generic[ClientT]):
    """One client, reconnected when it is lost; waits 0.1 s, then doubles the wait up to 1 s."""

    def __init__(
        self,
        name: str,
        connect: Callable[[], ClientT],
        tally: AgentTally,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._connect = connect
        self._tally = tally
        self._clock = clock
        self._lock = threading.RLock()
        self._client: ClientT | None = None
        self._due_s = 0.0
        self._backoff_s = BACKOFF_MIN_S
        self._said = ""
        self._log = structlog.get_logger("agent").bind(client=name)

    def turn(self) -> ClientT | None:
        """Connect if it is time to; returns the client, or None while the data plane is away."""
        with self._lock:
            if self._client is not None:
                return self._client
        if self._clock() < self._due_s:
            return None
        try:
            client = self._connect()
        except SecBeatError as error:
            self._retry_later(str(error))
            return None
        with self._lock:
            self._client = client
        self._backoff_s, self._said = BACKOFF_MIN_S, ""
        self._tally.note_connection(self._name, True)
        self._log.info("connected")
        return client

    def use(self, action: Callable[[ClientT], Result]) -> Result | None:
        """The result of ``action`` with the client; None while the data plane is away."""
        with self._lock:
            if self._client is None:
                return None
            try:
                return action(self._client)
            except DataplaneAwayError as error:
                self.lose(str(error))
                return None

    def check(self) -> None:
        """Drop a client whose data plane has ended, without waiting for its next use."""
        with self._lock:
            if self._client is not None and not self._client.alive():
                self.lose("the data plane has closed the connection")

    def lose(self, why: str) -> None:
        """Drop the client; the next turn connects again."""
        with self._lock:
            if self._client is None:
                return
            self._client.close()
            self._client = None
        self._tally.note_connection(self._name, False)
        self._log.warning("lost", why=why)

    def close(self) -> None:
        """End the lease; idempotent."""
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None

    def _retry_later(self, why: str) -> None:
        self._due_s = self._clock() + self._backoff_s
        self._backoff_s = min(2 * self._backoff_s, BACKOFF_MAX_S)
        if why != self._said:
            # Log each reason once, so that a long outage does not fill the log.
            self._said = why
            self._log.warning("waiting", why=why)


class LinkStats:
    """Statistics through a link."""

    def __init__(self, link: Link[Observer]) -> None:
        self._link = link

    def read(self) -> NodeStats | None:
        """The node's statistics now; None while it is away."""
        return self._link.use(lambda client: client.stats())

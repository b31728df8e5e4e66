"""The agent's counters about itself. Its main thread writes them, scrapes read them."""

from __future__ import annotations

from collections.abc import Iterator

from api.agent.metrics.metric import Sample
from dataplane.shared.labels import NOTICES

CLIENTS = ("observe", "events")
KINDS = ("drop_sample", "rule_triggered", *NOTICES)


class AgentTally:
    """Counters with one writer; each read value was correct at some instant."""

    def __init__(self) -> None:
        self.unlogged = 0
        self._events = dict.fromkeys(KINDS, 0)
        self._connected = dict.fromkeys(CLIENTS, False)
        self._connections = dict.fromkeys(CLIENTS, 0)

    def count_event(self, kind: str) -> None:
        """Count an event; an unknown kind counts as ``other``, so that the labels stay bounded."""
        known = kind if kind in self._events else "other"
        self._events[known] = self._events.get(known, 0) + 1

    def note_connection(self, client: str, connected: bool) -> None:
        """Record that a client of the data plane has connected, or has lost its connection."""
        self._connections[client] += connected
        self._connected[client] = connected

    def events(self) -> Iterator[Sample]:
        """Events by kind."""
        return (((kind,), count) for kind, count in list(self._events.items()))

    def connected(self) -> Iterator[Sample]:
        """Whether each client is connected."""
        return (((client,), is_so) for client, is_so in self._connected.items())

    def connections(self) -> Iterator[Sample]:
        """Connections made by each client."""
        return (((client,), count) for client, count in self._connections.items())

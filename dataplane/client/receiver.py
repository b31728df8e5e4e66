"""The events lease: events from the rings, completed with data from the pages."""

from __future__ import annotations

import ctypes
from dataclasses import replace

from dataplane.client.lease import Lease
from dataplane.client.observer import Observer, translated
from dataplane.shared.events import Event, RuleTriggered, decode_event
from dataplane.shared.transport.ring import Consumer


class Events(Observer):
    """The events lease."""

    def __init__(self, lease: Lease, library: ctypes.CDLL) -> None:
        """Not for callers: see `door.events`."""
        super().__init__(lease)
        memories = lease.memories
        self._rings = [
            Consumer(library, producer.view, consumer.view)
            for producer, consumer in zip(memories[1::2], memories[2::2], strict=True)
        ]
        self._turn = 0

    def drain(self, limit: int = 1024) -> list[Event]:
        """Received events, at most so many, fair over the rings, each ring in order.

        DataplaneAwayError when there are none left and the data plane has ended.
        """
        found: list[Event] = []
        with translated():
            empty = 0
            while len(found) < limit and empty < len(self._rings):
                element = self._rings[self._turn].pop()
                self._turn = (self._turn + 1) % len(self._rings)
                empty = 0 if element else empty + 1
                event = decode_event(element) if element else None
                if event:
                    found.append(event)
            found = self._completed(found)
        if not found:
            self._require_alive()
        return found

    def _completed(self, found: list[Event]) -> list[Event]:
        """Add data from the pages to rule hits; each rule is looked up once."""
        rules = {event.rule for event in found if isinstance(event, RuleTriggered)}
        if not rules:
            return found
        hits, groups = self._view.rule_hits([*rules]), self._view.group_names()
        return [
            replace(
                event,
                group=groups.get(event.group_index, ""),
                hits=hits.get(event.rule),
                evidence=self._view.evidence_at(event.lcore, event.sequence),
            )
            if isinstance(event, RuleTriggered)
            else event
            for event in found
        ]

    def close(self) -> None:
        """Release the lease; idempotent."""
        for ring in self._rings:
            ring.close()
        super().close()

"""The event stream of one client: server-sent events (HTML Living Standard, section 9.2).

Events are read from the database at the client's position. Nothing is buffered for a client, so a
slow or reconnected client gets every event that is still kept.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from api.common.contract.schemas import rfc3339
from api.common.exchange.streams import StreamEndedError
from api.history.reading import History, HistoryAwayError
from api.management.events import rows
from api.management.events.rows import Filter
from api.management.events.schemas import EventBody
from api.storage.database import AnyRow

TURN_BYTES_MAX = 65_536
TURN_EVENTS_MAX = 100
_LOOK_S = 0.05
_CHECK_S = 1.0


class Newest:
    """The newest sequence number, read once for all clients; used by one thread."""

    def __init__(self, history: History, clock: Callable[[], float] = time.monotonic) -> None:
        self._history = history
        self._clock = clock
        self._looked_at = -_LOOK_S
        self._sequence = 0

    def sequence(self) -> int:
        """The number, at most `_LOOK_S` old. Raises `HistoryAwayError`."""
        now = self._clock()
        if now - self._looked_at >= _LOOK_S:
            with self._history.read() as connection:
                self._sequence = rows.newest(connection)
            self._looked_at = now
        return self._sequence


class Tail:
    """The position of one client; used by one thread."""

    def __init__(
        self,
        history: History,
        newest: Newest,
        wanted: Filter,
        after: int,
        may_read: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``after``: the sequence number of the last event that the client has.

        ``may_read``: whether the client's key is still valid, asked once a second.
        """
        self._history = history
        self._newest = newest
        self._wanted = wanted
        self._after = after
        self._may_read = may_read
        self._clock = clock
        self._checked_at = clock()
        self._trouble = ""

    def beat(self) -> bytes:
        """A comment with the client's position: the client may reconnect before its first event."""
        return f": still here\nid: {self._after}\n\n".encode()

    def take(self) -> bytes:
        """The next events, at most about `TURN_BYTES_MAX`; empty: there are none.

        Raises `StreamEndedError` when the key of the client is no longer valid.
        """
        self._check_key()
        try:
            found = self._read()
        except HistoryAwayError as exc:
            return self._said_once(str(exc))
        self._trouble = ""
        return found

    def _check_key(self) -> None:
        now = self._clock()
        if now - self._checked_at >= _CHECK_S:
            self._checked_at = now
            if not self._may_read():
                raise StreamEndedError

    def _read(self) -> bytes:
        newest = self._newest.sequence()
        if newest == self._after:
            return b""
        if newest < self._after:  # the agent has begun a new database
            self._after = 0
        with self._history.read() as connection:
            found = rows.following(connection, self._wanted, self._after, TURN_EVENTS_MAX)
        text = b""
        for row in found:
            text += to_message(row)
            self._after = row.sequence
            if len(text) >= TURN_BYTES_MAX:
                return text
        if len(found) < TURN_EVENTS_MAX:  # the events in between do not meet the filter
            self._after = max(self._after, newest)
        return text

    def _said_once(self, trouble: str) -> bytes:
        if trouble == self._trouble:
            return b""
        self._trouble = trouble
        return f": {trouble}\n\n".encode()


def to_body(row: AnyRow) -> EventBody:
    """The body of an event."""
    return EventBody(
        sequence=row.sequence,
        id=row.id,
        kind=row.kind,
        at=rfc3339(row.at),
        incident=row.incident_id,
        data=json.loads(row.data),
    )


def to_message(row: AnyRow) -> bytes:
    """An event as a message of a stream; its JSON has no line breaks."""
    body = to_body(row).model_dump_json()
    return f"id: {row.sequence}\nevent: {row.kind}\ndata: {body}\n\n".encode()

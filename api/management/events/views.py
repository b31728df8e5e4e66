"""``/events``."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from api.common.contract.operations import Answer, Call, Operation
from api.common.contract.roles import Role
from api.common.exchange.streams import Places, Stream
from api.history.reading import History
from api.management.events import rows
from api.management.events.rows import Filter
from api.management.events.schemas import EventsPage, EventsQuery, StreamQuery
from api.management.events.tail import Newest, Tail, to_body

MEDIA = "text/event-stream"


class EventViews:
    """The handlers."""

    def __init__(self, history: History, is_valid: Callable[[str], bool]) -> None:
        """``is_valid``: whether the key with an id is still valid."""
        self._history = history
        self._is_valid = is_valid
        self._places = Places()
        self._newest = Newest(history)

    def show(self, call: Call) -> Answer:
        """A page of the events."""
        query: EventsQuery = call.query
        wanted = Filter(query.kind, query.incident)
        before = None if query.cursor is None else int(query.cursor)
        with self._history.read() as connection:
            found = rows.page(connection, wanted, before, query.limit + 1)
            total = rows.count(connection, wanted)
        shown = found[: query.limit]
        cursor = str(shown[-1].sequence) if len(found) > query.limit else None
        bodies = [to_body(row) for row in shown]
        return Answer(200, EventsPage(events=bodies, total=total, next_cursor=cursor))

    def follow(self, call: Call) -> Answer:
        """Events as they happen, from the one after Last-Event-ID, or from now on."""
        query: StreamQuery = call.query
        key_id = call.principal.id
        after = call.last_event_id
        if after is None:
            with self._history.read() as connection:
                after = rows.newest(connection)
        wanted = Filter(query.kind, query.incident)
        tail = Tail(self._history, self._newest, wanted, after, partial(self._is_valid, key_id))
        release = self._places.take(key_id, call.principal.name)
        # A proxy that buffers a whole answer before it forwards it would buffer this one for ever.
        return Answer(200, Stream(tail.take, tail.beat, release), {"X-Accel-Buffering": "no"})


def operations(history: History, is_valid: Callable[[str], bool]) -> list[Operation]:
    """The operations on events."""
    views = EventViews(history, is_valid)
    return [
        Operation(
            "GET",
            "/events",
            views.show,
            "Recorded events, newest first",
            Role.OPERATE,
            {200: EventsPage},
            errors=(503,),
            query=EventsQuery,
        ),
        Operation(
            "GET",
            "/events/stream",
            views.follow,
            "Events as they happen, as server-sent events; with Last-Event-ID from there on",
            Role.OPERATE,
            {200: None},
            errors=(503,),
            query=StreamQuery,
            media=MEDIA,
            resumes=True,
        ),
    ]

"""Answers of one part for nodes: the changes since the node's change, or everything.

A thousand nodes ask about the same change within a second. Therefore a worker caches the newest
answers as JSON text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel
from sqlalchemy import Connection

from api.common.contract.schemas import rfc3339
from api.orchestrator.following.answers import Answers
from api.orchestrator.following.log import ChangeLog, Position
from api.orchestrator.following.schemas import SinceQuery
from api.storage.database import Database
from dataplane.base.clock import Clock

QueryT = TypeVar("QueryT", bound=SinceQuery)


@dataclass(frozen=True)
class Asked(Generic[QueryT]):
    """A node's request, and the state of the part at the answer."""

    query: QueryT
    position: Position
    now_ms: int

    @property
    def is_confirmed(self) -> bool:
        """See `Position.is_confirmed`."""
        return self.position.is_confirmed(self.query.epoch, self.query.since)

    @property
    def is_delta(self) -> bool:
        """Whether the answer may be the changes alone."""
        return self.query.cursor is None and self.position.is_delta(
            self.query.epoch, self.query.since
        )

    @property
    def key(self) -> tuple[object, ...]:
        """The cache key: equal for requests with the same answer."""
        since = self.query.since if self.is_delta else None
        rest = self.query.model_dump(exclude={"epoch", "since"})
        return (self.position, self.is_confirmed, since, *rest.values())

    def head(self) -> dict[str, Any]:
        """The fields that every answer about a part has."""
        return {
            "at": rfc3339(self.now_ms),
            "epoch": self.position.epoch,
            "change": self.position.change,
        }


class FollowedPart(Generic[QueryT]):
    """The part; safe for the threads of one worker."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        log: ChangeLog,
        delta: Callable[[Connection, Asked[QueryT]], BaseModel | None],
        page: Callable[[Connection, Asked[QueryT]], BaseModel],
    ) -> None:
        """
        Args:
            database: the fleet's.
            clock: for the time of answers.
            log: of the part.
            delta: reads the changes; None: too many for one answer.
            page: reads a page of everything. The first field of both is ``at``.
        """
        self._database = database
        self._clock = clock
        self._log = log
        self._delta = delta
        self._page = page
        self._answers = Answers()

    def part(self, connection: Connection) -> Callable[[str], Mapping[str, Any]]:
        """The field of the part in `DesiredBody`; the same for every node."""
        fields = {self._log.part: self._log.position(connection).change}
        return lambda _node: fields

    def answer(self, query: QueryT) -> bytes:
        """The answer as JSON; its ``at`` is the time of this call."""
        with self._database.read() as connection:
            asked = Asked(query, self._log.position(connection), self._clock.utc_ms())

            def make() -> BaseModel:
                found = self._delta(connection, asked) if asked.is_delta else None
                return found or self._page(connection, asked)

            found = self._answers.get(asked.key, make)
        return b'{"at":"' + rfc3339(asked.now_ms).encode() + b'",' + found

"""What the newest changes of lists and rules touched, so that a node fetches only that.

Writers hold the fleet's change number (`api.orchestrator.changes`) until they commit, so changes
become visible in the order of their numbers. A node that is further behind than the log reaches
fetches everything.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select, update

from api.orchestrator import changes
from api.orchestrator.database.tables.entries import followed, followed_log

ITEMS_MAX = 10_000
"""Of each part: the newest are kept."""


@dataclass(frozen=True)
class Position:
    """How far a part of what nodes follow has come."""

    epoch: str
    change: int
    log_begins: int
    """What was touched after this change is known."""
    confirmed: int
    """The change at which a person last said that what is taken away is meant; 0: never."""

    def is_delta(self, epoch: str | None, since: int) -> bool:
        """Whether a node at that change can be told what has changed, and no more."""
        return epoch == self.epoch and self.log_begins <= since <= self.change

    def is_confirmed(self, epoch: str | None, since: int) -> bool:
        """Whether a person has confirmed after a node got to that change."""
        return self.confirmed > (since if epoch == self.epoch else 0)


class ChangeLog:
    """Of one part."""

    def __init__(self, part: str) -> None:
        self._is_part = followed.c.part == part
        self._of_part = followed_log.c.part == part
        self.part = part

    def note(self, connection: Connection, change: int, items: Collection[bytes] | None) -> None:
        """A change has touched these items; None: so many that nodes fetch everything."""
        values = {"change": change}
        if items is None or len(items) > ITEMS_MAX:
            connection.execute(delete(followed_log).where(self._of_part))
            values["log_begins"] = change
        elif items:
            common = {"part": self.part, "change": change}
            connection.execute(insert(followed_log), [{**common, "item": each} for each in items])
            values |= self._shorten(connection)
        connection.execute(update(followed).where(self._is_part).values(values))

    def confirm(self, connection: Connection, change: int) -> None:
        """What is taken away up to this change is meant."""
        values = {"confirmed": change, "confirmed_epoch": changes.epoch(connection)}
        connection.execute(update(followed).where(self._is_part).values(values))

    def position(self, connection: Connection) -> Position:
        """As it is now."""
        row = connection.execute(select(followed).where(self._is_part)).one()
        epoch = changes.epoch(connection)
        confirmed = row.confirmed if row.confirmed_epoch == epoch else 0
        return Position(epoch, row.change, row.log_begins, confirmed)

    def since(self, connection: Connection, change: int) -> list[bytes]:
        """What was touched after a change that the log reaches; each once, in order."""
        query = select(followed_log.c.item).where(self._of_part, followed_log.c.change > change)
        return list(connection.execute(query.distinct().order_by(followed_log.c.item)).scalars())

    def _shorten(self, connection: Connection) -> dict[str, int]:
        """Forget what is beyond `ITEMS_MAX`."""
        columns = (followed_log.c.id, followed_log.c.change)
        newest_first = select(*columns).where(self._of_part).order_by(followed_log.c.id.desc())
        row = connection.execute(newest_first.offset(ITEMS_MAX).limit(1)).first()
        if row is None:
            return {}
        old = followed_log.c.id <= row.id
        connection.execute(delete(followed_log).where(self._of_part, old))
        return {"log_begins": row.change}

"""The log of items that recent changes of lists and rules touched, so that nodes fetch only those.

Writers hold the fleet's change number (`api.orchestrator.changes`) until they commit, so changes
become visible in the order of their numbers. A node whose change is older than the log fetches
everything.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select, update

from api.orchestrator import changes
from api.orchestrator.database.tables.entries import followed, followed_log

ITEMS_MAX = 10_000
"""Items that are kept for each part, the newest ones."""


@dataclass(frozen=True)
class Position:
    """The state of one part of the desired state."""

    epoch: str
    change: int
    log_begins: int
    """The log is complete after this change."""
    confirmed: int
    """The last change at which an operator confirmed removals; 0: none."""

    def is_delta(self, epoch: str | None, since: int) -> bool:
        """Whether the log has all changes since the node's change."""
        return epoch == self.epoch and self.log_begins <= since <= self.change

    def is_confirmed(self, epoch: str | None, since: int) -> bool:
        """Whether an operator has confirmed removals after the node's change."""
        return self.confirmed > (since if epoch == self.epoch else 0)


class ChangeLog:
    """The log of one part."""

    def __init__(self, part: str) -> None:
        self._is_part = followed.c.part == part
        self._of_part = followed_log.c.part == part
        self.part = part

    def note(self, connection: Connection, change: int, items: Collection[bytes] | None) -> None:
        """Record the items of a change; None: too many, so nodes fetch everything."""
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
        """Record that an operator has confirmed all removals up to this change."""
        values = {"confirmed": change, "confirmed_epoch": changes.epoch(connection)}
        connection.execute(update(followed).where(self._is_part).values(values))

    def position(self, connection: Connection) -> Position:
        """The present state."""
        row = connection.execute(select(followed).where(self._is_part)).one()
        epoch = changes.epoch(connection)
        confirmed = row.confirmed if row.confirmed_epoch == epoch else 0
        return Position(epoch, row.change, row.log_begins, confirmed)

    def since(self, connection: Connection, change: int) -> list[bytes]:
        """The items touched after a change within the log; each once, sorted."""
        query = select(followed_log.c.item).where(self._of_part, followed_log.c.change > change)
        return list(connection.execute(query.distinct().order_by(followed_log.c.item)).scalars())

    def _shorten(self, connection: Connection) -> dict[str, int]:
        """Delete the oldest items beyond `ITEMS_MAX`."""
        columns = (followed_log.c.id, followed_log.c.change)
        newest_first = select(*columns).where(self._of_part).order_by(followed_log.c.id.desc())
        row = connection.execute(newest_first.offset(ITEMS_MAX).limit(1)).first()
        if row is None:
            return {}
        old = followed_log.c.id <= row.id
        connection.execute(delete(followed_log).where(self._of_part, old))
        return {"log_begins": row.change}

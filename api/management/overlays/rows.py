"""The rows of overlays. At most `OVERLAYS_MAX` are live, so all of them are always read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, delete, insert, select

from api.management.database.tables import overlays
from api.storage.database import AnyRow
from dataplane.base.clock import Deadline
from dataplane.statelog import Overlay


@dataclass(frozen=True)
class Stored:
    """An overlay of the node."""

    id: str
    document: dict[str, Any]
    origin: str
    incident: str | None
    reason: str | None
    duration_s: int
    created_ms: int
    created_by: str
    expires_boot_ms: int
    expires_utc_ms: int
    revision: int

    @property
    def kind(self) -> str:
        """The overlay itself."""
        return str(self.document["kind"])


def live(connection: Connection, boot_ms: int) -> list[Stored]:
    """The overlays that have not ended at that time of the boot clock, oldest first."""
    query = select(overlays).where(overlays.c.expires_boot_ms > boot_ms)
    ordered = query.order_by(overlays.c.created_ms, overlays.c.id)
    return [_stored(row) for row in connection.execute(ordered)]


def add(connection: Connection, overlay: Stored) -> None:
    """A new row."""
    connection.execute(insert(overlays).values(**vars(overlay)))


def remove(connection: Connection, ids: Sequence[str]) -> None:
    """The rows with these ids."""
    connection.execute(delete(overlays).where(overlays.c.id.in_(ids)))


def remove_ended(connection: Connection, boot_ms: int) -> None:
    """Remove ended rows, which are no longer visible; the data plane ends overlays by itself."""
    connection.execute(delete(overlays).where(overlays.c.expires_boot_ms <= boot_ms))


def to_log(found: Sequence[Stored], boot_id: UUID) -> tuple[Overlay, ...]:
    """The overlays in the form of the state log; their ends are on the clock of that boot."""
    return tuple(
        Overlay(
            each.document,
            Deadline(boot_id, each.expires_boot_ms, each.expires_utc_ms, each.duration_s),
        )
        for each in found
    )


def _stored(row: AnyRow) -> Stored:
    return Stored(**row._asdict())

"""The overlays of the policy and their ends; each change is a revision with an audit row."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection

from api.access.audit.service import Actor, Difference
from api.common.contract.errors import ConflictError, FieldError, NotFoundError
from api.common.contract.schemas import rfc3339
from api.management.overlays import rows
from api.management.overlays.rows import Stored
from api.management.revisions.publisher import Outcome, Publisher
from api.management.revisions.state import state_policy
from api.storage.sqlite import Database
from dataplane.base.clock import Clock, Deadline
from dataplane.policy import OVERLAYS_MAX, profiles_of
from dataplane.statelog import SetOverlays

PANIC = "panic"
DURATION_S_MAX = 86_400
"""One day: a longer change belongs in the policy."""
_ID_BYTES = 8

Origin = Literal["manual", "incident"]


@dataclass(frozen=True)
class Wanted:
    """An overlay to be added: a document that `parse_overlay` accepts, and its duration."""

    document: dict[str, Any]
    duration_s: int
    origin: Origin = "manual"
    incident: str | None = None
    reason: str | None = None


class Overlays:
    """All overlays of a node."""

    def __init__(self, database: Database, publisher: Publisher, clock: Clock) -> None:
        self._database = database
        self._publisher = publisher
        self._clock = clock

    def all(self) -> list[Stored]:
        """The overlays that have not ended, oldest first."""
        with self._database.read() as connection:
            return rows.live(connection, self._clock.boot_ms())

    def panic(self) -> Stored | None:
        """The panic mode; None: it is off."""
        return next((each for each in self.all() if each.kind == PANIC), None)

    def add(self, actor: Actor, wanted: Wanted) -> Stored:
        """Add an overlay to the policy. Raises `ConflictError`: there are too many."""

        def apply(connection: Connection, revision: int) -> Outcome[Stored]:
            return self._lay(connection, actor, revision, wanted)

        return self._publisher.commit(actor, "overlays.add", apply)[0]

    def start_panic(self, actor: Actor, duration_s: int, reason: str | None) -> Stored:
        """Start panic mode for a time, or extend it: every profile monitors only."""
        wanted = Wanted({"kind": PANIC}, duration_s, reason=reason)

        def apply(connection: Connection, revision: int) -> Outcome[Stored]:
            found = rows.live(connection, self._clock.boot_ms())
            rows.remove(connection, [each.id for each in found if each.kind == PANIC])
            return self._lay(connection, actor, revision, wanted)

        return self._publisher.commit(actor, "panic.start", apply)[0]

    def end_panic(self, actor: Actor) -> int:
        """End the panic mode; returns the revision. Raises `NotFoundError`: it is off."""

        def apply(connection: Connection, _revision: int) -> Outcome[None]:
            found = rows.live(connection, self._clock.boot_ms())
            ids = [each.id for each in found if each.kind == PANIC]
            if not ids:
                raise NotFoundError("panic mode is off")
            return self._lift(connection, ids)

        return self._publisher.commit(actor, "panic.end", apply)[1]

    def remove(self, actor: Actor, overlay_id: str) -> int:
        """End an overlay before its time; returns the revision. Raises `NotFoundError`."""

        def apply(connection: Connection, _revision: int) -> Outcome[None]:
            found = rows.live(connection, self._clock.boot_ms())
            if all(each.id != overlay_id for each in found):
                raise NotFoundError(f"there is no overlay {overlay_id}")
            return self._lift(connection, [overlay_id])

        return self._publisher.commit(actor, "overlays.remove", apply)[1]

    def warnings(self, document: dict[str, Any]) -> list[str]:
        """Warnings: the policy does not have the overlay's profile (it may get one later)."""
        name = document.get("profile")
        if name is None:
            return []
        with self._database.read() as connection:
            known = {each for each, _ in profiles_of(state_policy(connection) or {})}
        if name in known:
            return []
        return [f"the policy has no profile {name!r}: the overlay does nothing until it has"]

    def _lay(
        self, connection: Connection, actor: Actor, revision: int, wanted: Wanted
    ) -> Outcome[Stored]:
        rows.remove_ended(connection, self._clock.boot_ms())
        found = rows.live(connection, self._clock.boot_ms())
        if len(found) >= OVERLAYS_MAX:
            message = f"{len(found)} overlays of {OVERLAYS_MAX} are in use"
            raise ConflictError(
                message, errors=[FieldError("overlay", len(found), str(OVERLAYS_MAX), message)]
            )
        deadline = Deadline.after(self._clock, wanted.duration_s)
        made = Stored(
            id=f"overlay_{secrets.token_hex(_ID_BYTES)}",
            document=wanted.document,
            origin=wanted.origin,
            incident=wanted.incident,
            reason=wanted.reason,
            duration_s=wanted.duration_s,
            created_ms=self._clock.utc_ms(),
            created_by=actor.principal.name,
            expires_boot_ms=deadline.boot_ms,
            expires_utc_ms=deadline.utc_ms,
            revision=revision,
        )
        rows.add(connection, made)
        told = Difference(None, _told([made]))
        return Outcome(made, [self._change([*found, made])], _target(made), told)

    def _lift(self, connection: Connection, ids: Sequence[str]) -> Outcome[None]:
        found = rows.live(connection, self._clock.boot_ms())
        told = Difference(_told([each for each in found if each.id in ids]), None)
        rows.remove(connection, ids)
        rows.remove_ended(connection, self._clock.boot_ms())
        left = rows.live(connection, self._clock.boot_ms())
        return Outcome(None, [self._change(left)], ", ".join(ids), told)

    def _change(self, found: Sequence[Stored]) -> SetOverlays:
        return SetOverlays(rows.to_log(found, self._clock.boot_id()))


def _told(found: Sequence[Stored]) -> dict[str, Any]:
    """The overlays in the form of the audit trail."""
    return {
        "overlays": [
            {
                "id": each.id,
                "document": each.document,
                "reason": each.reason,
                "expires_at": rfc3339(each.expires_utc_ms),
            }
            for each in found
        ]
    }


def _target(overlay: Stored) -> str:
    """The target in the form of the audit trail."""
    profile = overlay.document.get("profile")
    return f"{overlay.kind} {profile}" if profile else overlay.kind

"""``/panic`` and ``/overlays``."""

from __future__ import annotations

from api.access.audit.service import Actor
from api.common.contract.operations import Answer, Call, Operation
from api.common.contract.roles import Role
from api.common.contract.schemas import rfc3339
from api.management.overlays.rows import Stored
from api.management.overlays.schemas import (
    OverlayBody,
    OverlayRequest,
    OverlaysBody,
    PanicBody,
    PanicRequest,
)
from api.management.overlays.service import Overlays, Wanted
from api.management.revisions.effects import Effects, State
from api.management.revisions.location import location


class OverlayViews:
    """The handlers."""

    def __init__(self, overlays: Overlays, effects: Effects) -> None:
        self._overlays = overlays
        self._effects = effects

    def show_panic(self, _call: Call) -> Answer:
        """The state of the panic mode, and its end."""
        found = self._overlays.panic()
        if found is None:
            return Answer(200, PanicBody(active=False))
        return Answer(200, _panic(found, self._state(found)))

    def start_panic(self, call: Call) -> Answer:
        """Start panic mode: every profile monitors only."""
        wanted: PanicRequest = call.body
        actor = Actor(call.principal, call.request_id, call.remember(_pending_panic))
        made = self._overlays.start_panic(actor, wanted.duration_seconds, wanted.reason)
        return _panic_answer(made, self._effects.settle(made.revision))

    def end_panic(self, call: Call) -> Answer:
        """End panic mode: every profile acts as the policy defines."""
        revision = self._overlays.end_panic(Actor(call.principal, call.request_id))
        return _with_location(204, None, revision, self._effects.settle(revision))

    def show(self, _call: Call) -> Answer:
        """All overlays."""
        found = [_body(each, self._state(each)) for each in self._overlays.all()]
        return Answer(200, OverlaysBody(overlays=found, total=len(found)))

    def add(self, call: Call) -> Answer:
        """Add an overlay to the policy."""
        wanted: OverlayRequest = call.body
        document = wanted.overlay.model_dump(mode="json")
        actor = Actor(call.principal, call.request_id, call.remember(_pending))
        made = self._overlays.add(
            actor,
            Wanted(
                document,
                wanted.duration_seconds,
                origin=wanted.origin,
                incident=wanted.incident,
                reason=wanted.reason,
            ),
        )
        warnings = self._overlays.warnings(document)
        return _answer(made, self._effects.settle(made.revision), warnings)

    def remove(self, call: Call) -> Answer:
        """End an overlay before its time."""
        actor = Actor(call.principal, call.request_id)
        revision = self._overlays.remove(actor, call.path["id"])
        return _with_location(204, None, revision, self._effects.settle(revision))

    def _state(self, overlay: Stored) -> State:
        return self._effects.revision(overlay.revision)[1]


def operations(overlays: Overlays, effects: Effects) -> list[Operation]:
    """The operations on overlays."""
    views, read, operate = OverlayViews(overlays, effects), Role.READ, Role.OPERATE
    return [
        Operation(
            "GET", "/panic", views.show_panic, "Panic mode, and its end", read, {200: PanicBody}
        ),
        Operation(
            "POST",
            "/panic",
            views.start_panic,
            "Panic mode: all profiles are in monitor for a time; 202 when that is not in force yet",
            operate,
            {200: PanicBody, 202: PanicBody},
            errors=(409, 503),
            body=PanicRequest,
            idempotent=True,
        ),
        Operation(
            "DELETE",
            "/panic",
            views.end_panic,
            "End panic mode; 202 when that is not in force yet",
            operate,
            {204: None, 202: None},
            errors=(404, 503),
        ),
        Operation(
            "GET",
            "/overlays",
            views.show,
            "The overlays of the policy",
            read,
            {200: OverlaysBody},
        ),
        Operation(
            "POST",
            "/overlays",
            views.add,
            "Add an overlay to the policy for a time; 202 when it is not in force yet",
            operate,
            {201: OverlayBody, 202: OverlayBody},
            errors=(409, 503),
            body=OverlayRequest,
            idempotent=True,
        ),
        Operation(
            "DELETE",
            "/overlays/{id}",
            views.remove,
            "End an overlay; 202 when that is not in force yet",
            operate,
            {204: None, 202: None},
            errors=(404, 503),
        ),
    ]


def _panic(overlay: Stored, state: State) -> PanicBody:
    return PanicBody(
        active=True,
        since=rfc3339(overlay.created_ms),
        until=rfc3339(overlay.expires_utc_ms),
        by=overlay.created_by,
        reason=overlay.reason,
        revision=overlay.revision,
        state=state,
    )


def _panic_answer(overlay: Stored, state: State) -> Answer:
    return _with_location(200, _panic(overlay, state), overlay.revision, state)


def _pending_panic(overlay: Stored, _revision: int) -> Answer:
    return _panic_answer(overlay, "pending")


def _body(overlay: Stored, state: State, warnings: list[str] | None = None) -> OverlayBody:
    return OverlayBody.model_validate(
        {
            "id": overlay.id,
            "overlay": overlay.document,
            "origin": overlay.origin,
            "incident": overlay.incident,
            "reason": overlay.reason,
            "created_at": rfc3339(overlay.created_ms),
            "created_by": overlay.created_by,
            "expires_at": rfc3339(overlay.expires_utc_ms),
            "revision": overlay.revision,
            "state": state,
            "warnings": warnings or [],
        }
    )


def _answer(overlay: Stored, state: State, warnings: list[str]) -> Answer:
    return _with_location(201, _body(overlay, state, warnings), overlay.revision, state)


def _pending(overlay: Stored, _revision: int) -> Answer:
    return _answer(overlay, "pending", [])


def _with_location(
    status: int, body: PanicBody | OverlayBody | None, revision: int, state: State
) -> Answer:
    if state == "in_force":
        return Answer(status, body)
    return Answer(202, body, location(revision))

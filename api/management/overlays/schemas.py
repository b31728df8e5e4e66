"""Bodies of panic mode and overlays."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from api.common.contract.schemas import Strict, Timestamp, Whole
from api.management.overlays.service import DURATION_S_MAX
from dataplane.policy.overlay import LimitOverlay, SynProxyOverlay

State = Literal["pending", "in_force", "rejected"]
PANIC_DURATION_S = 1800
Duration = Annotated[int, Field(ge=1, le=DURATION_S_MAX), Whole]
Reason = Annotated[str, Field(max_length=256, pattern="^[^\\u0000-\\u001f\\u007f]*$")]


class PanicRequest(Strict):
    """A request for panic mode, in which every profile only monitors, for a duration."""

    duration_seconds: Duration = PANIC_DURATION_S
    reason: Reason | None = None


class PanicBody(Strict):
    """The panic mode and its end; ``active`` false: it is off."""

    active: bool
    since: Timestamp | None = None
    until: Timestamp | None = None
    by: str | None = None
    reason: str | None = None
    revision: int | None = None
    state: State | None = None


class OverlayRequest(Strict):
    """An overlay to be added to the policy, and its duration."""

    overlay: Annotated[SynProxyOverlay | LimitOverlay, Field(discriminator="kind")]
    duration_seconds: Duration
    origin: Literal["manual", "incident"] = "manual"
    incident: Annotated[str, Field(pattern="^attack_[0-9a-f]{16}$")] | None = None
    reason: Reason | None = None


class OverlayBody(Strict):
    """An overlay that has not ended."""

    id: str
    overlay: dict[str, object]
    """The ``kind``, and the fields of that kind."""
    origin: Literal["manual", "incident"]
    incident: str | None
    reason: str | None
    created_at: Timestamp
    created_by: str
    expires_at: Timestamp
    revision: int
    state: State
    warnings: list[str]


class OverlaysBody(Strict):
    """All overlays that have not ended, oldest first, including panic mode."""

    overlays: list[OverlayBody]
    total: int

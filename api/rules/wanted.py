"""A rule as requested, after the checks that need nothing but its values."""

from __future__ import annotations

from dataclasses import dataclass

from api.common.contract.errors import FieldError, UnprocessableError
from api.common.contract.schemas import utc_ms
from api.rules.schemas import RuleRequest
from dataplane.waf.document import ANY, RuleAction, Severity

DURATION_S_MAX = 315_360_000
"""Ten years."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A rule to be added; pattern and targets are normalised."""

    pattern: str
    action: RuleAction
    severity: Severity = "medium"
    name: str | None = None
    group: str | None = None
    targets: tuple[str, ...] = ("any",)
    profiles: tuple[str, ...] = ()
    enabled: bool = True
    expires_utc_ms: int | None = None


def wanted_of(request: RuleRequest) -> Wanted:
    """The rule of a request's body."""
    return Wanted(
        pattern=request.pattern,
        action=request.action,
        severity=request.severity,
        name=request.name,
        group=request.group,
        targets=ANY if request.targets == [*ANY] else tuple(request.targets),
        profiles=tuple(dict.fromkeys(request.profiles)),
        enabled=request.enabled,
        expires_utc_ms=None if request.expires_at is None else utc_ms(request.expires_at),
    )


def check_end(wanted: Wanted, now_ms: int, field: str) -> None:
    """Raise `UnprocessableError` for an end that has passed, or is more than ten years away."""
    if wanted.expires_utc_ms is None:
        return
    left_s = (wanted.expires_utc_ms - now_ms) / 1000
    if not 0 < left_s <= DURATION_S_MAX:
        limit = f"in the future, at most {DURATION_S_MAX} s from now"
        message = f"{field}: must lie {limit}"
        what = FieldError(field, round(left_s), limit, message)
        raise UnprocessableError(message, errors=[what])

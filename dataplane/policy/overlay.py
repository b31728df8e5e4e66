"""Overlays: temporary changes on top of a policy, for an emergency or as a response to an attack.

An overlay is a document of its own with an end. It never changes the policy's document: automatic
and temporary changes expire, and the policy stays as its author wrote it. The API writes overlays,
the data plane's reconciler applies them with `lay_over`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from dataplane.base.errors import InvalidInputError
from dataplane.base.input.numbers import whole
from dataplane.native.abi import Mode, SynProxy
from dataplane.policy.compiling import CompiledProfile
from dataplane.policy.document import PROFILE_NAME_LENGTH_MAX
from dataplane.policy.limit import PACKETS_MAX
from dataplane.policy.rule import Rule
from dataplane.policy.rules.limits.rate_limit import RateLimitRule

OVERLAYS_MAX = 64
"""Number of overlays at a time; the API refuses more."""


class _Overlay(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class _OfProfile(_Overlay):
    profile: Annotated[str, Field(min_length=1, max_length=PROFILE_NAME_LENGTH_MAX)]
    """Name of the profile. A policy without this profile is not changed."""


class PanicOverlay(_Overlay):
    """Every profile counts what it would drop, and drops nothing."""

    kind: Literal["panic"]

    def lay_over(self, profiles: Sequence[CompiledProfile]) -> None:
        """Change the compiled profiles."""
        for profile in profiles:
            profile.cap = min(profile.cap, Mode.MONITOR)
            profile.syn = SynProxy.OFF  # as for every profile in monitor mode


class SynProxyOverlay(_OfProfile):
    """Every handshake with a destination of the profile goes through the SYN proxy."""

    kind: Literal["syn_proxy"]

    def lay_over(self, profiles: Sequence[CompiledProfile]) -> None:
        """Change the compiled profiles."""
        for profile in _enforcing(profiles, self.profile):
            profile.syn = SynProxy.ALWAYS


class LimitOverlay(_OfProfile):
    """A limit for each source; a lower limit of the policy stays."""

    kind: Literal["limit"]
    unit: Literal["packets", "connections", "requests"] = "packets"
    value: Annotated[int, Field(ge=1, le=PACKETS_MAX), BeforeValidator(whole)]
    """Maximum per second and source."""

    def lay_over(self, profiles: Sequence[CompiledProfile]) -> None:
        """Change the compiled profiles."""
        wanted = RateLimitRule.model_validate(
            {"type": "rate_limit", "unit": self.unit, "value": self.value}
        )
        reason = wanted.reason
        for profile in _enforcing(profiles, self.profile):
            if self.unit == "requests" and profile.http is None:
                continue  # the profile does not count requests
            is_enforced = profile.modes.get(reason) is Mode.ENFORCE
            if is_enforced and any(_is_tighter(rule, wanted) for rule in profile.rules):
                continue
            profile.rules[:] = [rule for rule in profile.rules if rule.kind != wanted.kind]
            profile.rules.append(wanted)
            profile.modes[reason] = Mode.ENFORCE
            profile.rule_of[reason] = "overlay"


AnyOverlay: TypeAlias = PanicOverlay | SynProxyOverlay | LimitOverlay
KINDS = ("panic", "syn_proxy", "limit")
_ADAPTER: TypeAdapter[AnyOverlay] = TypeAdapter(Annotated[AnyOverlay, Field(discriminator="kind")])


def parse_overlay(document: Mapping[str, Any]) -> AnyOverlay:
    """An overlay from its document. Raises InvalidInputError, naming field, value and limit."""
    try:
        return _ADAPTER.validate_python(dict(document))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"] if part not in KINDS) or "kind"
        raise InvalidInputError(
            f"overlay: {field}: {first['msg']}", field=field, value=None, limit=first["msg"]
        ) from error


def lay_over(profiles: Sequence[CompiledProfile], overlays: Iterable[AnyOverlay]) -> None:
    """Apply overlays to compiled profiles; panic mode last, because it takes precedence."""
    for overlay in sorted(overlays, key=lambda one: one.kind == "panic"):
        overlay.lay_over(profiles)


def _enforcing(profiles: Iterable[CompiledProfile], name: str) -> list[CompiledProfile]:
    """Profiles that enforce: an overlay does not change profiles in the modes monitor and off."""
    return [each for each in profiles if each.name == name and each.cap is Mode.ENFORCE]


def _is_tighter(rule: Rule, wanted: RateLimitRule) -> bool:
    return (
        isinstance(rule, RateLimitRule) and rule.kind == wanted.kind and rule.value <= wanted.value
    )

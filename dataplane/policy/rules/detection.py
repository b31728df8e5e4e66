"""``detection``: the thresholds for attacks on a protected address, and the response to an
attack."""

from __future__ import annotations

from dataclasses import fields
from enum import StrEnum
from typing import Any, ClassVar, Literal

from pydantic import Field

from dataplane.detection.thresholds import DEFAULT, OFF, Thresholds, WantedResponse
from dataplane.native import abi
from dataplane.native.abi import Mode
from dataplane.policy.limit import BITS_MAX, PACKETS_MAX
from dataplane.policy.rule import Action, Rule

RATIO_MAX = 1000
CARPET_FACTOR_MAX = 1000
QUIET_SECONDS_MAX = 3600
RESPONSE_SECONDS_MAX = 86_400
RESPONSE_ENTRIES_MAX = 1000
SPOOFED_SHARE_MIN = 0.1
_NO_THRESHOLDS = {"response", "is_on"}


def _number(default: float, least: float, most: float) -> Any:
    """A number that is left out of a stored document if it has its default value."""
    return Field(default=default, ge=least, le=most, exclude_if=lambda value: value == default)


def _rate(default: int, most: int = PACKETS_MAX) -> Any:
    """A rate per second; 0: not checked."""
    return _number(default, 0, most)


class Response(StrEnum):
    """The response to an attack, for as long as the attack lasts."""

    NONE = "none"
    LIMIT = "limit"
    SYN_PROXY = "syn_proxy"
    BLACKLIST = "blacklist"


class DetectionRule(Rule):
    """Thresholds per second and protected address. The rule's action is that of the response."""

    REASONS: ClassVar[tuple[abi.Reason, ...]] = ()

    type: Literal["detection"]
    syns: int = _rate(DEFAULT.syns)
    handshake_ratio: int = _number(DEFAULT.handshake_ratio, 1, RATIO_MAX)
    acks: int = _rate(DEFAULT.acks)
    rsts: int = _rate(DEFAULT.rsts)
    udp: int = _rate(DEFAULT.udp)
    amplification: int = _rate(DEFAULT.amplification)
    icmp: int = _rate(DEFAULT.icmp)
    fragments: int = _rate(DEFAULT.fragments)
    malformed: int = _rate(DEFAULT.malformed)
    connections: int = _rate(DEFAULT.connections)
    requests: int = _rate(DEFAULT.requests)
    slow: int = _rate(DEFAULT.slow)
    packets: int = _rate(DEFAULT.packets)
    bits: int = _rate(DEFAULT.bits, BITS_MAX)
    carpet_factor: int = _number(DEFAULT.carpet_factor, 1, CARPET_FACTOR_MAX)
    quiet_seconds: int = _number(DEFAULT.quiet_seconds, 1, QUIET_SECONDS_MAX)
    spoofed_share: float = _number(DEFAULT.spoofed_share, SPOOFED_SHARE_MIN, 1)
    response: Response = Field(Response.NONE, exclude_if=lambda kind: kind is Response.NONE)
    response_seconds: int = _number(DEFAULT.response.seconds, 1, RESPONSE_SECONDS_MAX)
    response_max: int = _number(DEFAULT.response.entries_max, 1, RESPONSE_ENTRIES_MAX)
    limit_pps: int = _number(DEFAULT.response.limit_pps, 1, PACKETS_MAX)

    def thresholds(self, cap: Mode) -> Thresholds:
        """See `Rule`; ``cap``: the profile's mode, which limits the response."""
        if self.action is Action.OFF:
            return OFF
        response = WantedResponse(
            kind=abi.Response[self.response.name],
            mode=max(Mode.MONITOR, min(cap, Mode[self.action.name])),
            seconds=self.response_seconds,
            entries_max=self.response_max,
            limit_pps=self.limit_pps,
        )
        names = (field.name for field in fields(Thresholds) if field.name not in _NO_THRESHOLDS)
        return Thresholds(**{name: getattr(self, name) for name in names}, response=response)

    def setting(self) -> tuple[str, str]:
        """See `Rule`: the values that differ from their defaults."""
        written = self.model_dump(mode="json", exclude={"type"})
        if self.action is Action.ENFORCE:
            del written["action"]
        text = ", ".join(f"{name} {value}" for name, value in written.items())
        return "detection", text or "as by default"

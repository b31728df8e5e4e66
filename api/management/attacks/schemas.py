"""Queries and answers of ``/attacks`` and ``/top``.

`api.common.attacks` makes the document of an attack, and the agent stores it; these models describe
it, and a test compares both.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from api.common.contract.schemas import PAGE_DEFAULT, PageLimit, Strict, Time, Timestamp
from dataplane.shared.labels import ATTACKS

ID = r"^attack_[0-9a-f]{16}$"
CURSOR = r"^[0-9]{1,18}\.attack_[0-9a-f]{16}$"
_TEXT_MAX = 64

State = Literal["active", "ended"]
Text = Annotated[str, Field(min_length=1, max_length=_TEXT_MAX)]


def _type(text: str) -> str:
    if text not in ATTACKS:
        context = {"limit": ", ".join(ATTACKS)}
        raise PydanticCustomError("type", "no such type of attack: one of {limit}", context)
    return text


AttackType = Annotated[
    str, AfterValidator(_type), WithJsonSchema({"type": "string", "enum": list(ATTACKS)})
]
Share = Annotated[float, Field(ge=0, le=1)]


class AttacksQuery(Strict):
    """A filter of attacks, and the position of the page; newest first."""

    state: State | None = None
    type: AttackType | None = None
    target: Text | None = None
    """The target as in an attack. An address also selects attacks on prefixes that contain it."""
    profile: Text | None = None
    since: Time | None = None
    """RFC 3339: attacks that were active at that time, or began later."""
    limit: PageLimit = PAGE_DEFAULT
    cursor: Annotated[str, Field(pattern=CURSOR)] | None = None


class TriggerBody(Strict):
    """The value and the threshold when the attack was detected."""

    metric: str
    threshold: int
    value: int


class RatesBody(Strict):
    """Traffic to the target."""

    packets_per_second: int
    bits_per_second: int
    requests_per_second: int


class TotalsBody(Strict):
    """Totals to the target since the start; ``would_drop``: passed only because of the mode
    ``monitor``."""

    packets: int
    bits: int
    requests: int
    dropped: int
    would_drop: int
    challenged: int
    passed: int


class ReasonBody(Strict):
    """Packets dropped, or that would have been, for a reason; estimated."""

    reason: str
    packets: int


class HeavyBody(Strict):
    """One of the heaviest addresses; ``packets`` is at most ``error`` too high."""

    address: str
    country: str
    packets: int
    error: int


class SourcesBody(Strict):
    """The sources. ``spoofed``: so many sent one packet that the addresses count as forged."""

    top: list[HeavyBody]
    distinct: int
    seen_once_share: Share
    spoofed: bool


class PortShareBody(Strict):
    """A destination port's share of the packets."""

    protocol: str
    port: int
    share: Share


class CountryShareBody(Strict):
    """A country's share of the packets; ``ZZ``: not known."""

    country: str
    share: Share


class FlagsShareBody(Strict):
    """A share of the TCP segments."""

    flags: str
    share: Share


class SizeShareBody(Strict):
    """A share of the packets, up to so many bytes; null: larger than all bounds."""

    up_to: int | None
    share: Share


class SamplingBody(Strict):
    """One packet in so many, and one source in so many, was sampled."""

    packets_every: int
    sources_every: int


class ResponseBody(Strict):
    """The response that the policy wants (kind, mode), and what the agent has done."""

    kind: str
    mode: str
    state: str
    until: Timestamp | None
    entries: int


class AttackBody(Strict):
    """One attack on one target, from its first second to its end."""

    id: str
    type: str
    target: str
    target_kind: Literal["address", "prefix", "profile", "port"]
    is_carpet: bool
    profile: str
    state: State
    started_at: Timestamp
    detected_at: Timestamp
    ended_at: Timestamp | None
    ended_by: str | None
    updated_at: Timestamp
    trigger: TriggerBody
    rates: RatesBody
    peak: RatesBody
    totals: TotalsBody
    dropped_by_reason: list[ReasonBody]
    sources: SourcesBody
    ports: list[PortShareBody]
    countries: list[CountryShareBody]
    tcp_flags: list[FlagsShareBody]
    packet_sizes: list[SizeShareBody]
    sampling: SamplingBody
    action: Literal["blocked", "limited", "challenged", "monitored"]
    response: ResponseBody


class AttacksPage(Strict):
    """Attacks, newest first. ``warnings``: the data that are missing, and the reasons."""

    attacks: list[AttackBody]
    total: int
    next_cursor: str | None
    warnings: list[str]


class TopBody(Strict):
    """The heaviest sources and targets of the last seconds, over the whole node.

    ``at``: the time of these values; null: there are none yet. ``packets`` are at most ``error``
    too high. One packet in ``packets_every`` was sampled.
    """

    at: Timestamp | None
    packets_every: int
    sources: list[HeavyBody]
    targets: list[HeavyBody]

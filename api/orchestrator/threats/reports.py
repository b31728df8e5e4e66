"""An attack as a node reports it: the stored part of the document of `api.common.attacks`.

A node may be compromised or newer than the orchestrator: every stored field is bounded, and other
fields are ignored.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)

from api.common.contract.schemas import SENT_TIME, Whole, utc_ms
from dataplane.base.errors import InvalidInputError
from dataplane.base.input.network_schema import address_schema, network_schema
from dataplane.base.networks import Network

SOURCES_MAX = 64
COUNT_MAX = 10**18


def _time(text: str) -> str:
    try:
        utc_ms(text)
    except InvalidInputError as exc:
        raise ValueError(str(exc)) from exc
    return text


def _address(text: str) -> str:
    return str(ip_address(text))


Time = Annotated[str, Field(max_length=40), AfterValidator(_time), WithJsonSchema(SENT_TIME)]
Count = Annotated[int, Field(ge=0, le=COUNT_MAX), Whole]
Name = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[!-~]+$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, frozen=True)


class ReportedSource(_Part):
    """One of the heaviest sources of an attack."""

    address: Annotated[
        str,
        Field(max_length=45),
        AfterValidator(_address),
        WithJsonSchema(address_schema("a source")),
    ]
    country: Annotated[str, Field(pattern="^[A-Z]{2}$")] = "ZZ"
    packets: Count
    error: Count


class ReportedSources(_Part):
    """Sources of the attack."""

    top: Annotated[list[ReportedSource], Field(max_length=SOURCES_MAX)]
    distinct: Count
    spoofed: bool


class ReportedPeak(_Part):
    """The highest rates."""

    packets_per_second: Count
    bits_per_second: Count


class ReportedTotals(_Part):
    """Totals since the start."""

    packets: Count
    dropped: Count


class ReportedIncident(_Part):
    """The stored fields of one attack on one node."""

    model_config = ConfigDict(
        json_schema_extra={
            "allOf": [
                {
                    "if": {"properties": {"state": {"const": "ended"}}},
                    "then": {
                        "required": ["ended_at"],
                        "properties": {"ended_at": {"type": "string"}},
                    },
                    "else": {"properties": {"ended_at": {"type": "null"}}},
                },
                {
                    "if": {"properties": {"target_kind": {"enum": ["address", "prefix"]}}},
                    "then": {"properties": {"target": network_schema("an address or a prefix")}},
                },
            ]
        }
    )

    id: Annotated[str, Field(pattern="^attack_[0-9a-f]{16}$")]
    type: Annotated[str, Field(pattern="^[a-z][a-z0-9_]{0,47}$")]
    target_kind: Literal["address", "prefix", "profile", "port"]
    target: Name
    profile: Name
    state: Literal["active", "ended"]
    action: Literal["blocked", "limited", "challenged", "monitored"]
    started_at: Time
    updated_at: Time
    ended_at: Time | None = None
    peak: ReportedPeak
    totals: ReportedTotals
    sources: ReportedSources

    @model_validator(mode="after")
    def _is_sound(self) -> ReportedIncident:
        if (self.state == "ended") != (self.ended_at is not None):
            raise ValueError("ended_at is given if, and only if, the attack has ended")
        if self.target_kind in {"address", "prefix"}:
            try:
                Network.parse(self.target)
            except InvalidInputError as exc:
                raise ValueError(f"target: {exc}") from exc
        return self

"""The policy document: the protection of each set of destinations.

Operators write it (a TOML or JSON file, the management API). The API reads it before it commits a
revision; the data plane's reconciler and replay read it too. The default modes of reasons are not
in this module: ``reasons.def`` has them, and C fills them in.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from dataplane.base.input.network_schema import network_schema
from dataplane.native import abi
from dataplane.policy.http import OptionalHttp
from dataplane.policy.neighbors import Neighbors
from dataplane.policy.rule import Action
from dataplane.policy.rules import AnyRule

NAME_LENGTH_MAX = 128
PROFILE_NAME_LENGTH_MAX = abi.PROFILE_NAME - 1
"""In C the name ends with a 0 byte."""
PROFILE_NAME_PATTERN = f"^[a-z0-9][a-z0-9_.-]{{0,{PROFILE_NAME_LENGTH_MAX - 1}}}$"
RULES_MAX = 256
DEFAULT_PROFILE = "default"
"""The name of the profile of all destinations without another profile."""
SHARE_MAX = 100
"""Percent of all profiles together."""

OneRule = Annotated[AnyRule, Field(discriminator="type")]
Rules = Annotated[tuple[OneRule, ...], Field(max_length=RULES_MAX)]


class Syn(StrEnum):
    """The mode of the SYN proxy, which answers SYNs in place of the protected hosts."""

    OFF = "off"
    AUTO = "auto"
    ALWAYS = "always"


SynMode = Annotated[Syn, Field(exclude_if=lambda syn: syn is Syn.AUTO)]


SynRate = Annotated[
    Annotated[int, Field(ge=1, le=100_000_000)] | None,
    Field(exclude_if=lambda rate: rate is None),
]
"""SYNs per second to one destination that switch ``auto`` on."""

ConnectionsShare = Annotated[
    Annotated[int, Field(ge=0, le=SHARE_MAX)] | None,
    Field(exclude_if=lambda share: share is None),
]
"""Percent of the room for connections that is reserved for a profile."""


_NEEDS: list[Any] = [
    {
        "if": {"required": ["syn_rate"], "properties": {"syn_rate": {"type": "integer"}}},
        "then": {"properties": {"syn": {"const": Syn.AUTO.value}}},
    },
    {
        "if": {
            "required": ["rules"],
            "properties": {
                "rules": {
                    "contains": {
                        "required": ["unit"],
                        "properties": {"unit": {"const": "requests"}},
                    }
                }
            },
        },
        "then": {"required": ["http"], "properties": {"http": {"type": "object"}}},
    },
]
"""In the schema: fields that require other fields."""
_NOT_BY_TARGET: dict[str, Any] = {
    "properties": {
        "rules": {
            "items": {
                "properties": {
                    "type": {"not": {"enum": ["ethertypes", "link"]}},
                    "mpls": {"const": "judge"},
                    "pppoe": {"const": "judge"},
                }
            }
        }
    }
}
_TARGET = network_schema("a protected address or prefix")


class ProfileDocument(BaseModel):
    """The settings for some destinations; complete: no rule of the default profile applies."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", json_schema_extra={"allOf": [*_NEEDS, _NOT_BY_TARGET]}
    )

    name: Annotated[str, Field(pattern=PROFILE_NAME_PATTERN)]
    targets: Annotated[
        tuple[Annotated[str, Field(max_length=64), WithJsonSchema(_TARGET)], ...],
        Field(min_length=1, max_length=abi.PROFILE_TARGETS_MAX),
    ]
    mode: Action = Action.ENFORCE
    syn: SynMode = Syn.AUTO
    syn_rate: SynRate = None
    connections_share: ConnectionsShare = None
    http: OptionalHttp = None
    rules: Rules = ()


class PolicyDocument(BaseModel):
    """A policy document; its own mode and rules are those of the default profile."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"allOf": _NEEDS})

    name: Annotated[str, Field(min_length=1, max_length=NAME_LENGTH_MAX)]
    mode: Annotated[Action, Field(exclude_if=lambda mode: mode is Action.ENFORCE)] = Action.ENFORCE
    syn: SynMode = Syn.AUTO
    syn_rate: SynRate = None
    connections_share: ConnectionsShare = None
    http: OptionalHttp = None
    rules: Rules = ()
    neighbors: Neighbors = ()
    """Outside routers whose routing protocols pass through the node, whatever the profiles
    refuse."""
    profiles: Annotated[
        tuple[ProfileDocument, ...],
        Field(max_length=abi.POLICY_PROFILES_MAX, exclude_if=lambda profiles: not profiles),
    ] = ()

    @property
    def waf_groups(self) -> frozenset[str]:
        """Groups of WAF rules that any of its profiles names."""
        written: tuple[PolicyDocument | ProfileDocument, ...] = (self, *self.profiles)
        return frozenset(
            name for one in written for rule in one.rules for name in rule.groups_set()
        )

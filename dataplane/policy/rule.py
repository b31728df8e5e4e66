"""The base of all types of rules: the common fields, and the methods of each type.

A type is one file in ``rules/``; no other module depends on its fields.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Annotated, ClassVar, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from dataplane.base.errors import InvalidInputError
from dataplane.detection.thresholds import Thresholds
from dataplane.native import abi

OptionalInt: TypeAlias = Annotated[
    int | None, Field(default=None, exclude_if=lambda value: value is None)
]
Port: TypeAlias = Annotated[int, Field(ge=0, le=65535)]


ALLOW_OR_DENY = ConfigDict(
    json_schema_extra={
        "if": {"properties": {"allow": {"type": "null"}}},
        "then": {"required": ["deny"], "properties": {"deny": {"type": "array"}}},
        "else": {"properties": {"deny": {"type": "null"}}},
    }
)
"""The configuration of a type with exactly one of ``allow`` and ``deny``."""


class Action(StrEnum):
    """The action for a packet that a rule hits."""

    ENFORCE = "enforce"
    MONITOR = "monitor"
    OFF = "off"


class Rule(BaseModel):
    """The base of all types. A subclass sets ``type`` to a literal, and `REASONS`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    REASONS: ClassVar[tuple[abi.Reason, ...]]
    """Every reason whose action a rule of this type can set; no other type sets one of them."""
    NEEDS_COUNTRIES: ClassVar[bool] = False
    """The rule needs the country of a source."""
    TAGS: ClassVar[frozenset[str]] = frozenset()
    """Words that pydantic adds to the path of an error in a field whose type is a union."""

    type: str
    action: Action = Action.ENFORCE

    @property
    def kind(self) -> str | None:
        """Rules with an equal value may occur once in a profile; None: any number, a later one
        wins."""
        return self.type

    @property
    def reasons_set(self) -> tuple[abi.Reason, ...]:
        """The reasons that get this rule's action, and whose packets count for this rule."""
        return self.REASONS

    def check(self, path: str) -> Iterator[InvalidInputError]:  # noqa: ARG002 - see `Rule`
        """The mistakes in it that its types can't express; ``path``: its place."""
        yield from ()

    def fill(self, profile: abi.Profile, lcores: int) -> None:
        """Write its settings, without its action; not called for a rule that is off.

        ``lcores``: each counts its own packets.
        """

    def thresholds(self, cap: abi.Mode) -> Thresholds | None:  # noqa: ARG002 - of one type alone
        """The thresholds of detection for the profile; None: the rule has none.

        ``cap``: the maximum action of the profile.
        """
        return None

    def groups_set(self) -> Mapping[str, Action]:
        """Groups of WAF rules, and their maximum action."""
        return {}

    def setting(self) -> tuple[str, str] | None:
        """A name for its settings, and their text for operators."""
        return None


def mistake(
    field: str, value: object, limit: str, why: str = "is not allowed"
) -> InvalidInputError:
    """The error for an invalid value."""
    return InvalidInputError(
        f"{field}: {value!r} {why}; {limit}", field=field, value=value, limit=limit
    )


def only_by_default(path: str, kind: str) -> Iterator[InvalidInputError]:
    """The mistake that a rule about packets without a protected address is not in the default
    profile."""
    if path.startswith("profiles["):
        limit = "only in the policy's own rules: a packet without an IP header has no target"
        yield mistake(path, kind, limit)

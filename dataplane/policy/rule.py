"""What every type of rule has: the fields that all share, and what is asked of each.

A type is one file in ``rules/``; nothing outside of it knows what it says.
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
"""Of a type that has one of the two."""


class Action(StrEnum):
    """What becomes of a packet that a rule hits."""

    ENFORCE = "enforce"
    MONITOR = "monitor"
    OFF = "off"


class Rule(BaseModel):
    """The base of all types. A subclass sets ``type`` to a literal, and `REASONS`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    REASONS: ClassVar[tuple[abi.Reason, ...]]
    """Every reason that a rule of this type can be about; no other type has one of them."""
    NEEDS_COUNTRIES: ClassVar[bool] = False
    """Whether it asks where a source is."""
    TAGS: ClassVar[frozenset[str]] = frozenset()
    """What pydantic adds to the path of an error in one of its fields, where a field is a union."""

    type: str
    action: Action = Action.ENFORCE

    @property
    def kind(self) -> str | None:
        """What there may be one of in a profile; None: any number, a later one wins."""
        return self.type

    @property
    def reasons_set(self) -> tuple[abi.Reason, ...]:
        """The reasons that get this rule's action, and that are counted as its doing."""
        return self.REASONS

    def check(self, path: str) -> Iterator[InvalidInputError]:  # noqa: ARG002 - see `Rule`
        """The mistakes in it that its types can't see; ``path``: where it stands."""
        yield from ()

    def fill(self, profile: abi.Profile, lcores: int) -> None:
        """Write what it says beside its action; not called for a rule that is off.

        ``lcores``: each counts its own packets.
        """

    def thresholds(self, cap: abi.Mode) -> Thresholds | None:  # noqa: ARG002 - of one type alone
        """What is an attack on the profile's addresses; None: it says nothing of that.

        ``cap``: no action of the profile goes beyond it.
        """
        return None

    def groups_set(self) -> Mapping[str, Action]:
        """Groups of the WAF's rules, and the most that their rules do."""
        return {}

    def setting(self) -> tuple[str, str] | None:
        """What it says beside its action, with a name for it, as an operator reads it."""
        return None


def mistake(field: str, value: object, limit: str, why: str = "can't be") -> InvalidInputError:
    """A value that breaks a rule of the policy."""
    return InvalidInputError(
        f"{field}: {value!r} {why}; {limit}", field=field, value=value, limit=limit
    )


def only_by_default(path: str, kind: str) -> Iterator[InvalidInputError]:
    """A rule about what has no protected address is a mistake but in the default profile."""
    if path.startswith("profiles["):
        limit = "only in the policy's own rules: what is not IP goes to no target"
        yield mistake(path, kind, limit)

"""Rules that set the action of reasons: of all reasons of their type, or of the named ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, TypeAlias

from pydantic import Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from dataplane.base.errors import InvalidInputError
from dataplane.base.input.nearest import instead_of
from dataplane.native.abi import REASON_MODES, REASON_STAGE, Reason, Stage
from dataplane.policy.rule import Rule, mistake

Reasons: TypeAlias = Annotated[
    Annotated[tuple[str, ...], Field(min_length=1, max_length=64)] | None,
    Field(default=None, exclude_if=lambda reasons: reasons is None),
]
STRUCTURAL = frozenset(reason for reason, modes in REASON_MODES.items() if len(modes) == 1)
"""Structural reasons: the node can't forward such a packet."""
_BY_LABEL = {reason.name.lower(): reason for reason in Reason}


class ReasonsRule(Rule):
    """The base of the types that set the action of reasons; a later rule takes precedence."""

    reasons: Reasons

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Adds the names of the type's reasons."""
        found = handler.resolve_ref_schema(handler(core))
        names = [reason.name.lower() for reason in cls.REASONS]
        found["properties"]["reasons"]["anyOf"][0]["items"]["enum"] = names
        return found

    @property
    def kind(self) -> None:
        """See `Rule`."""
        return

    @property
    def reasons_set(self) -> tuple[Reason, ...]:
        """See `Rule`."""
        if self.reasons is None:
            return self.REASONS
        return tuple(_BY_LABEL[label] for label in self.reasons)

    def check(self, path: str) -> Iterator[InvalidInputError]:
        """See `Rule`."""
        for position, label in enumerate(self.reasons or ()):
            reason = _BY_LABEL.get(label)
            if reason in self.REASONS:
                continue
            if reason in STRUCTURAL:
                why = "is structural (the node can't do otherwise) and has no choice of action"
            else:
                why = f"is not a reason of rule type '{self.type}'"
            valid = [one.name.lower() for one in self.REASONS]
            limit = f"one of {', '.join(valid)}{instead_of(label, valid)}"
            yield mistake(f"{path}.reasons[{position}]", label, limit, why)


def reasons_of_stage(stage: Stage) -> tuple[Reason, ...]:
    """The reasons that this stage decides according to ``reasons.def``, and whose action can be
    chosen."""
    return tuple(
        reason for reason in Reason if REASON_STAGE[reason] is stage and reason not in STRUCTURAL
    )

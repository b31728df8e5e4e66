"""Bodies and queries that a node's policy and a fleet's have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import Field, ModelWrapValidatorHandler, model_validator

from api.common.contract.schemas import PAGE_DEFAULT, PageLimit, Strict
from dataplane.policy import PolicyDocument, parse_policy

DEFAULT = PolicyDocument(name="default")
"""The policy before the first change: every reason has its default of ``reasons.def``."""


def told(revision: int, document: Mapping[str, Any]) -> dict[str, Any]:
    """A policy in the form of the audit trail; the whole document is stored under its revision."""
    mode = document.get("mode", DEFAULT.mode.value)
    return {"revision": revision, "name": document.get("name"), "mode": mode}


class PolicyRequest(PolicyDocument):
    """The policy that is to be in force."""

    @model_validator(mode="wrap")
    @classmethod
    def _validate(cls, sent: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Validate with `parse_policy`, which names the fields more precisely than a model's own
        errors."""
        if not isinstance(sent, Mapping):
            return handler(sent)
        policy = parse_policy(sent)
        return cls.model_construct(policy.model_fields_set, **dict(policy))


class HistoryQuery(Strict):
    """One page of the history: follow ``next_cursor`` until it is null."""

    limit: PageLimit = PAGE_DEFAULT
    cursor: Annotated[str, Field(pattern="^[0-9]{1,18}$")] | None = None


class ChangeBody(Strict):
    """One setting of a profile that differs. ``default``: the policy does not set it."""

    profile: str
    setting: str
    before: str
    after: str

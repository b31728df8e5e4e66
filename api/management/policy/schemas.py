"""Bodies and queries of the policy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from api.common.schemas import PAGE_DEFAULT, PageLimit, Strict, Timestamp
from dataplane.policy import PolicyDocument, parse_policy


class PolicyRequest(PolicyDocument):
    """The policy that is to be in force."""

    @model_validator(mode="before")
    @classmethod
    def _check(cls, sent: Any) -> Any:
        if isinstance(sent, Mapping):
            parse_policy(sent)  # its errors name the field better than a model's own
        return sent


def _flag(value: object) -> object:
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


FromFlag = BeforeValidator(_flag)
"""For a yes or no in a query string: ``true`` or ``false``."""


class PutQuery(Strict):
    """With ``dry_run`` nothing is changed, and the answer says what would be.

    With ``accept_exempt`` a policy that cuts off countries of who is on the allowlist is taken.
    """

    dry_run: Annotated[bool, FromFlag] = False
    accept_exempt: Annotated[bool, FromFlag] = False


class HistoryQuery(Strict):
    """Which part of the history: follow ``next_cursor`` until it is null."""

    limit: PageLimit = PAGE_DEFAULT
    cursor: Annotated[str, Field(pattern="^[0-9]{1,18}$")] | None = None


class RollbackRequest(Strict):
    """Which policy is to be in force again; no revision: the one before the newest."""

    revision: Annotated[int, Field(ge=1, lt=10**18)] | None = None
    accept_exempt: bool = False


class ChangeBody(Strict):
    """One setting of a profile that differs. ``default``: the policy does not name it."""

    profile: str
    setting: str
    before: str
    after: str


class PolicyBody(Strict):
    """A policy with where it comes from; revision 0: nobody has set one."""

    revision: int
    state: Literal["pending", "in_force", "rejected"]
    created_at: Timestamp | None
    created_by: str | None
    policy: PolicyDocument


class PolicyAnswer(Strict):
    """What a change of the policy has done, or with ``dry_run`` would do."""

    revision: int | None
    state: Literal["pending", "in_force", "rejected", "dry_run"]
    changes: list[ChangeBody]
    warnings: list[str]


class HistoryRow(Strict):
    """A policy that was."""

    revision: int
    name: str
    rules: int
    """Of all profiles together."""
    profiles: int
    """Beside the default one."""
    action: str
    created_at: Timestamp | None
    created_by: str | None


class HistoryPage(Strict):
    """A part of the history, newest first; ``total`` counts all that are kept."""

    history: list[HistoryRow]
    total: int
    next_cursor: str | None

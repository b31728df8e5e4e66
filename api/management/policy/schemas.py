"""Bodies and queries of the policy."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Literal

from pydantic import Field, SkipValidation

from api.common.contract.schemas import FromFlag, Strict, Timestamp, Whole
from api.common.policies import ChangeBody
from api.management.policy.fleet import FLEET_NUMBER, Ruling
from dataplane.policy import PolicyDocument, Stored


class PutQuery(Strict):
    """Options of a change of the policy.

    ``dry_run``: nothing is changed, and the answer has the effect. ``accept_exempt``: a policy is
    accepted although its country rules cover networks on the allowlist. ``override``: while the
    fleet's policy is in force, a policy of this node replaces it. ``fleet``: only for this node's
    agent; the number of the fleet's policy, as ``<epoch>.<number>``.
    """

    dry_run: Annotated[bool, FromFlag] = False
    accept_exempt: Annotated[bool, FromFlag] = False
    override: Annotated[bool, FromFlag] = False
    fleet: Annotated[str, Field(pattern=FLEET_NUMBER)] | None = None


class OverrideQuery(Strict):
    """``override``: while the fleet's policy is in force, a policy of this node replaces it."""

    override: Annotated[bool, FromFlag] = False


class RollbackRequest(Strict):
    """The policy to be restored; no revision: the one before the newest."""

    revision: Annotated[int, Field(ge=1, lt=10**18), Whole] | None = None
    accept_exempt: bool = False


class FleetBody(Strict):
    """The fleet's policy for this node. It is in force unless it is overridden."""

    epoch: str
    number: int
    overridden: bool


class PolicyBody(Strict):
    """A policy and its origin; revision 0: no policy was set. ``fleet`` null: the node's own
    policy."""

    revision: int
    state: Literal["pending", "in_force", "rejected"]
    created_at: Timestamp | None
    created_by: str | None
    fleet: FleetBody | None
    policy: SkipValidation[PolicyDocument | Stored]
    """The policy as it is stored: a document of an earlier release may be invalid for this one."""


class PolicyAnswer(Strict):
    """The result of a change of the policy, or with ``dry_run`` its effect."""

    revision: int | None
    state: Literal["pending", "in_force", "rejected", "dry_run"]
    name: str
    """Revision of the policy."""
    replaces: int
    """The revision of the former policy; 0: none was set."""
    of_revision: int | None
    """The revision of the policy that a rollback has restored; 0: the default policy."""
    changes: list[ChangeBody]
    warnings: list[str]


class HistoryRow(Strict):
    """A former policy."""

    revision: int
    name: str
    rules: int
    """Rules of all profiles together."""
    profiles: int
    """Profiles beside the default one."""
    action: str
    created_at: Timestamp | None
    created_by: str | None


class HistoryPage(Strict):
    """A part of the history, newest first; ``total`` counts all that are kept."""

    history: list[HistoryRow]
    total: int
    next_cursor: str | None


def fleet_body(ruling: Ruling | None) -> FleetBody | None:
    """The source of the policy, as a body."""
    return None if ruling is None else FleetBody.model_validate(asdict(ruling))

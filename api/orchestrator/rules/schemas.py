"""Bodies and queries of the fleet's rules: those of a node's, without hits and state."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from api.common.contract.schemas import PAGE_DEFAULT, PageLimit, Strict, Timestamp
from api.orchestrator.following.schemas import NodeCounts, SinceQuery
from dataplane.waf.document import RuleAction, Severity

Cursor = Annotated[str, Field(pattern="^[0-9]{1,18}$")]
FOLLOWED_MAX = 200
"""Rules in one answer for a node: their patterns may have 4 KiB each."""


class RulesQuery(Strict):
    """One page of the rules: follow ``next_cursor`` until it is null."""

    limit: PageLimit = PAGE_DEFAULT
    cursor: Cursor | None = None


class FleetRuleBody(Strict):
    """A rule of the fleet. ``revision``: the fleet's change that last changed it."""

    id: str
    origin: Literal["fleet"] = "fleet"
    """The origin that the rule has on nodes."""
    name: str | None
    group: str | None
    pattern: str
    action: RuleAction
    severity: Severity
    targets: list[str]
    profiles: list[str]
    enabled: bool
    status: Literal["active", "disabled"]
    created_at: Timestamp
    created_by: str
    expires_at: Timestamp | None
    revision: int


class SpreadRuleBody(FleetRuleBody):
    """A rule, and the number of nodes on which its last change is in force."""

    nodes: NodeCounts


class FleetRulesPage(Strict):
    """A part of the rules in the order of their ids; ``total`` counts all."""

    rules: list[FleetRuleBody]
    total: int
    next_cursor: str | None


class RulesImportBody(Strict):
    """The result of an import; ``revision`` null: the body had no rule."""

    revision: int | None
    lines: int
    """Number of the body's rules."""
    added: int


class FollowRulesQuery(SinceQuery):
    """The state of a node: it has everything up to change ``since`` of ``epoch``. Without these
    fields: it has nothing."""

    cursor: Cursor | None = None


class FollowedRule(Strict):
    """A rule to be put on the node."""

    id: str
    name: str | None
    group: str | None
    pattern: str
    action: RuleAction
    severity: Severity
    targets: list[str]
    profiles: list[str]
    enabled: bool
    expires_at: Timestamp | None


class FollowedRules(Strict):
    """The changes since the node's change, or with ``full`` a page of all rules."""

    at: Timestamp
    """The present time of the clock of ``expires_at``."""
    epoch: str
    change: int
    """The node's change after it has applied this answer and, with ``full``, all further pages."""
    full: bool
    confirmed: bool
    """After the node's change, an operator has confirmed that the fleet has lost rules
    on purpose."""
    total: int
    """Number of all rules; on the first page of all rules only."""
    rules: list[FollowedRule]
    removed: list[str]
    """Ids of removed rules."""
    next_cursor: str | None

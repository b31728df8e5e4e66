"""Bodies and queries of this node's rules; `api.rules.schemas` defines the content of a rule."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from api.common.contract.schemas import PAGE_DEFAULT, PageLimit, Strict, Timestamp
from api.rules.schemas import RuleRequest
from dataplane.waf.document import RuleAction, Severity

State = Literal["pending", "in_force", "rejected"]
Status = Literal["active", "disabled", "pending", "rejected"]
Origin = Literal["manual", "fleet"]
FleetId = Annotated[str, Field(pattern="^rule_[1-9][0-9]{0,17}$")]
PUT_MAX = 100
REMOVED_MAX = 1000


class RulesQuery(Strict):
    """One page of the rules: follow ``next_cursor`` until it is null."""

    limit: PageLimit = PAGE_DEFAULT
    cursor: Annotated[str, Field(pattern="^[0-9]{1,18}$")] | None = None
    origin: Origin | None = None


class RuleBody(Strict):
    """A rule. ``hits``: requests since the data plane has loaded it; null: the data plane is
    away."""

    id: str
    origin: Origin
    fleet_id: str | None
    """The fleet's id of a rule with the origin ``fleet``."""
    name: str | None
    group: str | None
    pattern: str
    action: RuleAction
    severity: Severity
    targets: list[str]
    profiles: list[str]
    enabled: bool
    status: Status
    created_at: Timestamp
    created_by: str
    expires_at: Timestamp | None
    hits: int | None
    revision: int
    """Revision of the newest change."""
    state: State
    reason: str | None
    """The reason of a rejection."""
    warnings: Annotated[list[str], Field(default_factory=list, exclude_if=lambda found: not found)]


class RulesPage(Strict):
    """A part of the rules in the order of their ids; ``total`` counts all rules."""

    rules: list[RuleBody]
    total: int
    next_cursor: str | None


class ImportQuery(Strict):
    """The treatment of patterns that can't be rules: refuse the import, or leave them out."""

    on_refused: Literal["fail", "skip"] = "fail"


class RefusedLine(Strict):
    """A line whose pattern can't be a rule, and the reason."""

    line: int
    pattern: str
    why: str


class JobBody(Strict):
    """An import. ``checked`` of ``lines`` patterns are tested; the first hundred refused ones are
    listed. ``revision``: the revision of a ``done`` import; null: there was nothing to add."""

    id: str
    state: Literal["checking", "committing", "done", "failed"]
    lines: int
    checked: int
    added: int
    refused: int
    refused_lines: list[RefusedLine]
    revision: int | None
    error: str | None
    warnings: list[str]
    created_at: Timestamp


class EvidenceQuery(Strict):
    """The number of hits, and the rule to which they belong."""

    limit: PageLimit = PAGE_DEFAULT
    rule: Annotated[str, Field(pattern="^rule_[1-9][0-9]{0,17}$")] | None = None


class EvidenceBody(Strict):
    """A request that a rule hit; ``mode`` monitor: it was not blocked. Secrets are masked.

    ``name``, ``group`` and ``hits`` are the present values of the rule; null: the rule was deleted,
    or has none.
    """

    at: Timestamp
    rule: str
    name: str | None
    group: str | None
    action: str
    severity: str
    hits: int | None
    mode: str
    incident: str | None
    """The incident number that the client got."""
    client: str
    client_port: int
    host: str
    port: int
    profile: str
    path: str
    target: str
    request_line: str
    excerpt: str


class EvidencePage(Strict):
    """The newest hits."""

    evidence: list[EvidenceBody]


class FleetRule(RuleRequest):
    """A rule of the fleet, with the fleet's id."""

    fleet_id: FleetId


class FleetRulesRequest(Strict):
    """Rules of the fleet to put on this node, and to remove from it."""

    put: Annotated[list[FleetRule], Field(max_length=PUT_MAX)] = Field(default=[])
    removed: Annotated[list[FleetId], Field(max_length=REMOVED_MAX)] = Field(default=[])


class RefusedRule(Strict):
    """A rule that this node can't accept, and the reason."""

    fleet_id: str
    why: str


class FleetRulesBody(Strict):
    """The result of the request. ``revision`` null: nothing had to be changed."""

    revision: int | None
    state: State
    put: int
    removed: int
    refused: list[RefusedRule]

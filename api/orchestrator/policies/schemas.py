"""Bodies and queries of the fleet's policy and its deployments."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SkipValidation, WithJsonSchema

from api.common.contract.schemas import (
    PAGE_DEFAULT,
    FromDecimal,
    FromFlag,
    PageLimit,
    Strict,
    Timestamp,
    Whole,
)
from api.common.policies import ChangeBody
from api.orchestrator.nodes.schemas import NODE_ID, Status
from api.orchestrator.selector import CHARACTERS_MAX, SELECTOR_SCHEMA
from dataplane.policy import Stored

HOLD_S = 60
DROP_RATIO = 0.01
Strategy = Literal["all", "canary"]
State = Literal["canary", "rolling", "confirming", "done", "rolled_back", "cancelled", "superseded"]
NodeState = Literal[
    "waiting", "pending", "applied", "rejected", "overridden", "unreachable", "superseded",
    "withdrawn",
]  # fmt: skip


_DECIMAL = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,32})?(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)


def _ratio(value: object) -> object:
    """A number in a query string, in the notation of programs: 0.01, 1e-05."""
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        return float(value)
    return value


class DeployQuery(Strict):
    """The nodes to which a policy is deployed, and the options of the deployment.

    ``selector``: labels, as ``edge=yes,site in (ams,fra)``; none: every node. With ``strategy``
    ``canary`` one node gets the policy first (``canary``, else the healthy one with the lowest id)
    and is observed for ``hold_seconds``. If its share of dropped packets has increased by more than
    ``max_drop_ratio``, it returns to its former policy. With ``confirm_within``, all nodes return
    to their former policy after so many seconds without a confirmation. With ``dry_run`` nothing is
    changed. ``accept_exempt``: as on a node.
    """

    selector: Annotated[str, Field(max_length=CHARACTERS_MAX), WithJsonSchema(SELECTOR_SCHEMA)] = ""
    strategy: Strategy = "all"
    canary: Annotated[str, Field(pattern=NODE_ID)] | None = None
    hold_seconds: Annotated[int, Field(ge=5, le=3600), FromDecimal] = HOLD_S
    max_drop_ratio: Annotated[float, Field(ge=0, le=1), BeforeValidator(_ratio)] = DROP_RATIO
    confirm_within: Annotated[int, Field(ge=5, le=86_400), FromDecimal] | None = None
    accept_exempt: Annotated[bool, FromFlag] = False
    dry_run: Annotated[bool, FromFlag] = False


class RollbackRequest(Strict):
    """The version to be restored; no number: the one before the newest."""

    number: Annotated[int, Field(ge=1, lt=10**18), Whole] | None = None


class DeploymentsQuery(Strict):
    """One page of the deployments: follow ``next_cursor`` until it is null."""

    limit: PageLimit = PAGE_DEFAULT
    cursor: Annotated[str, Field(pattern="^[0-9]{1,18}$")] | None = None


class DeploymentQuery(Strict):
    """One page of a deployment's nodes: follow ``next_cursor`` until it is null."""

    limit: PageLimit = PAGE_DEFAULT
    cursor: Annotated[str, Field(pattern=NODE_ID)] | None = None
    state: NodeState | None = None


class DeployedNode(Strict):
    """The progress of a deployment on one node."""

    node: str
    state: NodeState
    message: str | None
    """The node's reason for rejecting the policy."""
    status: Status


class DeploymentRow(Strict):
    """A deployment without its nodes; ``counts``: nodes by state."""

    id: int
    policy: int
    name: str
    selector: str
    strategy: Strategy
    state: State
    reason: str | None
    canary: str | None
    hold_seconds: int
    max_drop_ratio: float
    confirm_within: int | None
    confirm_until: Timestamp | None
    confirmed_by: str | None
    created_at: Timestamp
    created_by: str
    ended_at: Timestamp | None
    counts: dict[str, int]


class DeploymentBody(DeploymentRow):
    """A deployment with its nodes, by id; ``total`` counts all nodes in the requested state."""

    nodes: list[DeployedNode]
    total: int
    next_cursor: str | None


class DeploymentPage(Strict):
    """Deployments, newest first."""

    deployments: list[DeploymentRow]
    total: int
    next_cursor: str | None


class FleetPolicyBody(Strict):
    """A version of the fleet's policy."""

    number: int
    name: str
    created_at: Timestamp
    created_by: str
    policy: SkipValidation[Stored]


class NodePolicyBody(Strict):
    """The policy of one node."""

    epoch: str
    number: int
    name: str
    accept_exempt: bool
    policy: SkipValidation[Stored]


class VersionRow(Strict):
    """A former version."""

    number: int
    name: str
    rules: int
    profiles: int
    action: str
    created_at: Timestamp
    created_by: str


class VersionPage(Strict):
    """A part of the versions, newest first; ``total`` counts all stored versions."""

    history: list[VersionRow]
    total: int
    next_cursor: str | None


class PlannedNode(Strict):
    """The effect on one node; ``from_number`` null: it has no policy of the fleet yet."""

    node: str
    from_number: int | None
    would: Literal["change", "reject", "stay_overridden"]
    message: str | None


class PlannedChange(Strict):
    """The changes on the nodes that have one version now."""

    from_number: int | None
    nodes: int
    changes: list[ChangeBody]


class PlanBody(Strict):
    """The effect of a deployment; at most 1,000 nodes are named, ``total`` counts all."""

    state: Literal["dry_run"]
    name: str
    selector: str
    changes: list[PlannedChange]
    nodes: list[PlannedNode]
    total: int
    supersedes: list[int]
    """Unfinished deployments that would end."""

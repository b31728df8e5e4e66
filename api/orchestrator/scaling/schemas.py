"""Bodies of scaling."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from api.common.contract.schemas import (
    PAGE_DEFAULT,
    FromDecimal,
    PageLimit,
    Strict,
    Timestamp,
    Whole,
)
from api.orchestrator.nodes.schemas import NodeId

COUNT_MAX = 100
JOB_ID = "^scale-[0-9a-f]{8}$"
Action = Literal["scale_up", "scale_down"]
State = Literal["queued", "running", "succeeded", "failed", "cancelled"]
NodeState = Literal["creating", "active", "draining", "removing"]


class ScaleRequest(Strict):
    """The number of nodes to add or to remove. ``nodes`` names the nodes to remove; without it the
    newest ones are removed."""

    model_config = ConfigDict(
        json_schema_extra={
            "if": {"properties": {"action": {"const": "scale_up"}}},
            "then": {"properties": {"nodes": {"type": "null"}}},
        }
    )

    action: Action
    count: Annotated[int, Field(ge=1, le=COUNT_MAX), Whole]
    nodes: (
        Annotated[
            list[NodeId],
            Field(
                min_length=1,
                max_length=COUNT_MAX,
                description="the nodes to remove: exactly `count` of them",
                json_schema_extra={"uniqueItems": True},
            ),
        ]
        | None
    ) = None


class JobBody(Strict):
    """A job without its log."""

    id: str
    action: Action
    count: int
    nodes: list[str]
    """Names of the nodes that it makes or removes."""
    state: State
    error: str | None
    attempt: int
    """Number of processes that have run it, one after the other."""
    created_at: Timestamp
    created_by: str
    started_at: Timestamp | None
    ended_at: Timestamp | None
    cancelled_by: str | None


class LogLine(Strict):
    """One line of a job's log."""

    at: Timestamp
    message: str


class JobDetail(JobBody):
    """A job with its log from a cursor on; ``log_cursor``, the position after it, is never null."""

    log: list[LogLine]
    log_cursor: str


class JobPage(Strict):
    """Jobs, newest first."""

    jobs: list[JobBody]
    total: int
    next_cursor: str | None


class ScaledNode(Strict):
    """A node that a job has made."""

    id: str
    job: str
    state: NodeState
    made_at: Timestamp


class ScaleBody(Strict):
    """The limits of scaling, and the created nodes."""

    provider: str | None
    min: int
    max: int
    nodes: list[ScaledNode]
    running: str | None
    """The id of the job that has not ended."""


class JobsQuery(Strict):
    """One page of the jobs: follow ``next_cursor`` until it is null."""

    limit: PageLimit = PAGE_DEFAULT
    cursor: Annotated[str, Field(pattern=JOB_ID)] | None = None


class LogQuery(Strict):
    """A part of the log: the lines after ``cursor``."""

    cursor: Annotated[int, Field(ge=0, lt=10**18), FromDecimal] = 0
    limit: PageLimit = 1000

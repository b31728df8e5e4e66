"""``/scale`` and ``/scale/jobs``."""

from __future__ import annotations

from typing import Any

from api.access.audit.service import Actor
from api.common.contract.operations import Answer, Call, Operation
from api.common.contract.roles import Role
from api.common.contract.schemas import rfc3339
from api.orchestrator.scaling.schemas import (
    JobBody,
    JobDetail,
    JobPage,
    JobsQuery,
    LogLine,
    LogQuery,
    ScaleBody,
    ScaledNode,
    ScaleRequest,
)
from api.orchestrator.scaling.service import Jobs
from api.storage.database import AnyRow


class ScaleViews:
    """The handlers."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs

    def scale(self, call: Call) -> Answer:
        """Make a job."""
        remember = call.remember(lambda row, _: _accepted(row))
        row = self._jobs.make(Actor(call.principal, call.request_id, remember), call.body)
        return _accepted(row)

    def show(self, _call: Call) -> Answer:
        """The limits of scaling, and the created nodes."""
        made, running = self._jobs.made()
        settings = self._jobs.settings
        nodes = [
            ScaledNode(id=row.id, job=row.job, state=row.state, made_at=rfc3339(row.made_ms))
            for row in made
        ]
        body = ScaleBody(
            provider=settings.provider,
            min=settings.nodes_min,
            max=settings.nodes_max,
            nodes=nodes,
            running=None if running is None else running.id,
        )
        return Answer(200, body)

    def page(self, call: Call) -> Answer:
        """Jobs, a page at a time."""
        query: JobsQuery = call.query
        found, total, following = self._jobs.page(query.limit, query.cursor)
        bodies = [JobBody(**_fields(row)) for row in found]
        return Answer(200, JobPage(jobs=bodies, total=total, next_cursor=following))

    def job(self, call: Call) -> Answer:
        """One job and its log."""
        query: LogQuery = call.query
        row = self._jobs.get(call.path["job"])  # before its log: who sees its end sees all of it
        lines = self._jobs.log(row.id, query.cursor, query.limit)
        return Answer(200, _detail(row, lines, query.cursor))

    def cancel(self, call: Call) -> Answer:
        """Request the cancellation of a job."""
        row = self._jobs.cancel(Actor(call.principal, call.request_id), call.path["job"])
        return Answer(202, JobBody(**_fields(row)), _location(row))


def operations(jobs: Jobs) -> list[Operation]:
    """The operations on the number of nodes."""
    views = ScaleViews(jobs)
    return [
        Operation(
            "POST",
            "/scale",
            views.scale,
            "Start a job that makes or removes nodes",
            Role.OPERATE,
            {202: JobDetail},
            errors=(409, 503),
            body=ScaleRequest,
            idempotent=True,
        ),
        Operation("GET", "/scale", views.show, "Limits and nodes", Role.READ, {200: ScaleBody}),
        Operation(
            "GET",
            "/scale/jobs",
            views.page,
            "Jobs, newest first",
            Role.READ,
            {200: JobPage},
            errors=(404,),
            query=JobsQuery,
        ),
        Operation(
            "GET",
            "/scale/jobs/{job}",
            views.job,
            "One job, and its log after a cursor",
            Role.READ,
            {200: JobDetail},
            errors=(404,),
            query=LogQuery,
        ),
        Operation(
            "POST",
            "/scale/jobs/{job}/cancel",
            views.cancel,
            "Cancel a job: nodes that it was making are removed",
            Role.OPERATE,
            {202: JobBody},
            errors=(404, 409),
        ),
    ]


def _accepted(row: AnyRow) -> Answer:
    return Answer(202, _detail(row, [], 0), _location(row))


def _location(row: AnyRow) -> dict[str, str]:
    return {"Location": f"/api/v1/scale/jobs/{row.id}"}


def _detail(row: AnyRow, lines: list[AnyRow], cursor: int) -> JobDetail:
    log = [LogLine(at=rfc3339(line.at_ms), message=line.message) for line in lines]
    last = lines[-1].id if lines else cursor
    return JobDetail(**_fields(row), log=log, log_cursor=str(last))


def _fields(row: AnyRow) -> dict[str, Any]:
    times = {
        f"{name}_at": None if at_ms is None else rfc3339(at_ms)
        for name, at_ms in (
            ("created", row.created_ms),
            ("started", row.started_ms),
            ("ended", row.ended_ms),
        )
    }
    same = ("id", "action", "count", "nodes", "state", "error", "attempt", "created_by")
    named = {name: getattr(row, name) for name in (*same, "cancelled_by")}
    return named | times

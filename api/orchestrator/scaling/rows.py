"""Rows of jobs and their leases."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Select, delete, func, insert, or_, select, update

from api.orchestrator.database.tables.jobs import job_log, job_nodes, jobs
from api.storage.database import AnyRow
from api.storage.statements import claim as claims

LEASE_MS = 30_000
KEPT_MAX = 200
"""Jobs that are kept with their logs."""
MESSAGE_CHARS_MAX = 500


def find_open(connection: Connection) -> AnyRow | None:
    """The job that has not ended."""
    return connection.execute(select(jobs).where(jobs.c.open == 1)).first()


def is_free(connection: Connection, now_ms: int) -> bool:
    """Whether there is an open job without an owner."""
    return connection.execute(_free(now_ms)).first() is not None


def claim(connection: Connection, owner: str, now_ms: int) -> AnyRow | None:
    """Become the owner of the open job, unless it has one."""
    found = claims.claim(connection, _free(now_ms))
    if not found:
        return None
    row = found[0]
    connection.execute(
        update(jobs)
        .where(jobs.c.id == row.id)
        .values(
            owner=owner,
            lease_ms=now_ms + LEASE_MS,
            attempt=jobs.c.attempt + 1,
            state="running",
            started_ms=row.started_ms or now_ms,
        )
    )
    return connection.execute(select(jobs).where(jobs.c.id == row.id)).one()


def renew(connection: Connection, held: AnyRow, now_ms: int) -> bool:
    """Extend the lease; False: another process has the job, or it has ended."""
    mine = (jobs.c.id == held.id, jobs.c.owner == held.owner, jobs.c.attempt == held.attempt)
    done = connection.execute(
        update(jobs).where(*mine, jobs.c.open == 1).values(lease_ms=now_ms + LEASE_MS)
    )
    return done.rowcount == 1


def say(connection: Connection, job: str, message: str, now_ms: int) -> None:
    """Write one line of the job's log."""
    text = message if len(message) <= MESSAGE_CHARS_MAX else f"{message[:MESSAGE_CHARS_MAX]}..."
    connection.execute(insert(job_log).values(job=job, at_ms=now_ms, message=text))


def finish(connection: Connection, job: str, state: str, error: str | None, now_ms: int) -> None:
    """Record the end of the job; the next one may begin."""
    connection.execute(
        update(jobs)
        .where(jobs.c.id == job)
        .values(state=state, error=error, open=None, owner=None, lease_ms=None, ended_ms=now_ms)
    )
    say(connection, job, state if error is None else f"{state}: {error}", now_ms)


def made(connection: Connection, job: str | None = None) -> list[AnyRow]:
    """Nodes that jobs, or one job, have created; oldest first."""
    query = select(job_nodes).order_by(job_nodes.c.made_ms, job_nodes.c.job, job_nodes.c.ordinal)
    if job is not None:
        query = query.where(job_nodes.c.job == job)
    return list(connection.execute(query))


def forget_old(connection: Connection) -> None:
    """Delete all but the newest `KEPT_MAX` jobs."""
    newest = select(jobs.c.id).order_by(jobs.c.created_ms.desc()).limit(KEPT_MAX)
    old = select(jobs.c.id).where(jobs.c.id.not_in(newest), jobs.c.open.is_(None))
    found = list(connection.execute(old).scalars())
    connection.execute(delete(job_log).where(job_log.c.job.in_(found)))
    connection.execute(delete(jobs).where(jobs.c.id.in_(found)))


def count(connection: Connection) -> int:
    """The number of all jobs."""
    return int(connection.execute(select(func.count()).select_from(jobs)).scalar_one())


def release(connection: Connection, held: AnyRow) -> None:
    """End the lease early, if this process still has it."""
    mine = (jobs.c.id == held.id, jobs.c.owner == held.owner, jobs.c.attempt == held.attempt)
    connection.execute(update(jobs).where(*mine, jobs.c.open == 1).values(lease_ms=None))


def _free(now_ms: int) -> Select[tuple[Any, ...]]:
    is_over = or_(jobs.c.lease_ms.is_(None), jobs.c.lease_ms < now_ms)
    return select(jobs).where(jobs.c.open == 1, is_over).limit(1)

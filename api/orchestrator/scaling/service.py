"""Jobs for operators: created, read, cancelled. `worker` runs them."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any, Literal

from sqlalchemy import Connection, and_, insert, or_, select, update

from api.access.audit import service as audit
from api.access.audit.service import Actor, Difference
from api.common.contract.errors import (
    ConflictError,
    FieldError,
    NotFoundError,
    UnavailableError,
    UnprocessableError,
)
from api.orchestrator.database.tables.jobs import job_log, jobs
from api.orchestrator.scaling import rows
from api.orchestrator.scaling.protocol import printable
from api.orchestrator.scaling.provisioner import Provisioner, ProvisionerError, ignore
from api.orchestrator.scaling.schemas import ScaleRequest
from api.orchestrator.scaling.settings import ScalingSettings
from api.storage.database import AnyRow, Database
from dataplane.base.clock import Clock

ANSWER_S = 20.0
"""Time limit for a provider's answer about its nodes or its capacity."""
_RETRY_AFTER_S = 5


class Jobs:
    """All jobs; without a provisioner no job can be created."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        settings: ScalingSettings,
        provisioner: Provisioner | None,
    ) -> None:
        self._database = database
        self._clock = clock
        self.settings = settings
        self._provisioner = provisioner

    def make(self, actor: Actor, wanted: ScaleRequest) -> AnyRow:
        """Create a job, which begins at once.

        Raises:
            UnprocessableError: the number of named nodes differs from the number to remove.
            ConflictError: no provider, an open job, or a limit.
            UnavailableError: the provisioner is away, or the provider fails.
        """
        _check_nodes(wanted)
        provisioner = self._provisioner
        if provisioner is None:
            raise _no_provider()
        if wanted.action == "scale_up":
            _check_capacity(provisioner, wanted.count)
        else:
            _ask(provisioner, "list")  # else nodes would drain for nothing
        job, now_ms = f"scale-{secrets.token_hex(4)}", self._clock.utc_ms()
        with self._database.write() as connection:
            _check_alone(connection)
            chosen = self._chosen(connection, job, wanted)
            connection.execute(
                insert(jobs).values(
                    id=job,
                    action=wanted.action,
                    count=wanted.count,
                    nodes=chosen,
                    state="queued",
                    open=1,
                    attempt=0,
                    created_ms=now_ms,
                    created_by=actor.principal.name,
                )
            )
            rows.say(connection, job, f"queued by {actor.principal.name}", now_ms)
            rows.forget_old(connection)
            row = connection.execute(select(jobs).where(jobs.c.id == job)).one()
            told, action = Difference(None, _told(row)), f"scale.{wanted.action}"
            audit.record(connection, actor, action, job, now_ms, difference=told)
            actor.on_commit(connection, row, 0)
        return row

    def get(self, job: str) -> AnyRow:
        """One job. Raises `NotFoundError`."""
        with self._database.read() as connection:
            return _find(connection, job)

    def log(self, job: str, after: int, limit: int) -> list[AnyRow]:
        """Lines after the one with this number."""
        mine = and_(job_log.c.job == job, job_log.c.id > after)
        with self._database.read() as connection:
            query = select(job_log).where(mine).order_by(job_log.c.id).limit(limit)
            return list(connection.execute(query))

    def page(self, limit: int, before: str | None) -> tuple[list[AnyRow], int, str | None]:
        """A page, newest first; the number of all; and the position of the next page."""
        order = (jobs.c.created_ms.desc(), jobs.c.id)
        query = select(jobs).order_by(*order).limit(limit + 1)
        with self._database.read() as connection:
            if before is not None:
                last = _find(connection, before)
                same = and_(jobs.c.created_ms == last.created_ms, jobs.c.id > last.id)
                query = query.where(or_(jobs.c.created_ms < last.created_ms, same))
            found = list(connection.execute(query))
            total = rows.count(connection)
        return found[:limit], total, found[limit - 1].id if len(found) > limit else None

    def cancel(self, actor: Actor, job: str) -> AnyRow:
        """Request the cancellation of a job; a job without an owner ends at once.

        Raises `NotFoundError`, `ConflictError`: it has ended.
        """
        now_ms = self._clock.utc_ms()
        with self._database.write() as connection:
            row = _find(connection, job)
            if row.open is None:
                raise ConflictError(f"job {job!r} has ended: it has {row.state}")
            by = actor.principal.name
            connection.execute(update(jobs).where(jobs.c.id == job).values(cancelled_by=by))
            rows.say(connection, job, f"{by} wants it cancelled", now_ms)
            if row.state == "queued":
                rows.finish(connection, job, "cancelled", None, now_ms)
            after = _find(connection, job)
            told = Difference(_told(row), _told(after))
            audit.record(connection, actor, "scale.cancel", job, now_ms, difference=told)
            return after

    def made(self) -> tuple[Sequence[AnyRow], AnyRow | None]:
        """Nodes that jobs have created, and the open job."""
        with self._database.read() as connection:
            return rows.made(connection), rows.find_open(connection)

    def _chosen(self, connection: Connection, job: str, wanted: ScaleRequest) -> list[str]:
        """Names of the nodes to create or to remove; raises `ConflictError`."""
        made = rows.made(connection)
        there = [row.id for row in made]
        if wanted.action == "scale_up":
            _check(
                len(there) + wanted.count <= self.settings.nodes_max,
                wanted.count,
                f"max = {self.settings.nodes_max}",
                len(there),
            )
            return [f"{job}-{ordinal + 1}" for ordinal in range(wanted.count)]
        _check(
            len(there) - wanted.count >= self.settings.nodes_min,
            wanted.count,
            f"min = {self.settings.nodes_min}",
            len(there),
        )
        if wanted.nodes is None:
            left = [row.id for row in made if row.state != "active"]
            return [*left, *(node for node in there[::-1] if node not in left)][: wanted.count]
        for node in wanted.nodes:
            if node not in there:
                message = f"no job has made a node {node!r}; only such nodes can be removed here"
                what = FieldError("nodes", node, "a node that a job has made", message)
                raise ConflictError(message, errors=[what])
        return list(wanted.nodes)


def _check_nodes(wanted: ScaleRequest) -> None:
    if wanted.nodes is None:
        return
    limit = "scale_down alone, and exactly `count` different nodes"
    if wanted.action != "scale_down" or len(set(wanted.nodes)) != wanted.count:
        raise UnprocessableError(
            f"nodes: {limit}", errors=[FieldError("nodes", wanted.nodes, limit, f"nodes: {limit}")]
        )


def _no_provider() -> ConflictError:
    key = "[scaling] provider"
    message = f"nothing can be scaled: {key} of orchestrator.toml names no provider"
    return ConflictError(message, errors=[FieldError(key, None, "a provider's name", message)])


def _check_capacity(provisioner: Provisioner, wanted: int) -> None:
    said = _ask(provisioner, "capacity")
    free, reason = said.get("free"), said.get("limit")
    if not isinstance(free, int):
        raise _away(f"the provider names no free capacity but {said!r:.100}")
    if wanted > free:
        message = f"the provider has room for {free} more nodes, not for {wanted}"
        message += f": {printable(reason)}" if isinstance(reason, str) else ""
        raise ConflictError(message, errors=[FieldError("count", wanted, str(free), message)])


def _ask(provisioner: Provisioner, verb: Literal["list", "capacity"]) -> dict[str, Any]:
    try:
        return provisioner.ask(verb, {}, ANSWER_S, ignore)
    except ProvisionerError as exc:
        raise _away(f"the provider does not answer {verb!r}: {exc}") from exc


def _check(holds: bool, count: int, limit: str, there: int) -> None:
    if not holds:
        message = f"{count} nodes: jobs have made {there}, and [scaling] {limit}"
        raise ConflictError(message, errors=[FieldError("count", count, limit, message)])


def _check_alone(connection: Connection) -> None:
    row = rows.find_open(connection)
    if row is not None:
        message = f"job {row.id!r} ({row.action}) is {row.state}: one at a time"
        what = FieldError("job", row.id, "one job at a time", message)
        raise ConflictError(message, errors=[what], retry_after_s=_RETRY_AFTER_S)


def _told(row: AnyRow) -> dict[str, Any]:
    """A job in the form of the audit trail."""
    names = ("action", "count", "nodes", "state", "cancelled_by")
    return {name: getattr(row, name) for name in names}


def _find(connection: Connection, job: str) -> AnyRow:
    row = connection.execute(select(jobs).where(jobs.c.id == job)).first()
    if row is None:
        raise NotFoundError(f"there is no job {job!r}")
    return row


def _away(message: str) -> UnavailableError:
    return UnavailableError(message, retry_after_s=_RETRY_AFTER_S)

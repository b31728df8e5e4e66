"""Deployments of policies to the fleet: requests of operators. `turn` does the automatic steps."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select

from api.access.audit import service as audit
from api.access.audit.service import Actor, Difference
from api.common.contract.errors import ConflictError, NotFoundError
from api.common.policies import told
from api.orchestrator import changes
from api.orchestrator.database.tables.nodes import nodes
from api.orchestrator.policies import deployments, planning, starting, versions
from api.orchestrator.policies.planning import Planned
from api.orchestrator.policies.ruling import Ruling
from api.orchestrator.policies.schemas import DeployQuery
from api.orchestrator.policies.sight import Sight
from api.orchestrator.selector import parse_selector
from api.storage.database import AnyRow, Database
from dataplane.base.clock import Clock
from dataplane.base.errors import InvalidInputError
from dataplane.policy import PolicyDocument


class Policies:
    """The fleet's policy and its deployments."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def deploy(
        self, actor: Actor, action: str, document: PolicyDocument, how: DeployQuery
    ) -> Sight:
        """Make a document the next version and deploy it to nodes.

        Raises `InvalidInputError` for the selector or the name, `ConflictError` if there is no
        canary.
        """
        _check_name(document.name)
        selector = parse_selector(how.selector)
        with self._database.write() as connection:
            changes.bump(connection)  # first: this serialises deployments
            now_ms = self._clock.utc_ms()
            first = starting.canary_of(connection, selector, how, now_ms)
            before = _told_current(connection)
            number = versions.add(connection, actor, action, document, now_ms)
            values = starting.values_of(actor, document, how, now_ms)
            row = deployments.add(connection, {**values, **first, "policy": number})
            starting.supersede(connection, actor, row, now_ms)
            after = told(number, versions.get(connection, number).document)
            after |= {"deployment": row.id, "selector": row.selector}
            seen = Difference(before, after)
            audit.record(connection, actor, action, document.name, now_ms, number, difference=seen)
            sight = Sight.read(connection, row, now_ms)
            actor.on_commit(connection, sight, number)
        return sight

    def earlier(self, number: int | None) -> PolicyDocument:
        """The document of a version; None: of the one before the newest."""
        with self._database.read() as connection:
            found = number or versions.before_newest(connection)
            return versions.validated(versions.get(connection, found))

    def plan(self, document: PolicyDocument, how: DeployQuery) -> Planned:
        """The effect of `deploy`. Raises its errors."""
        selector = parse_selector(how.selector)
        with self._database.read() as connection:
            now_ms = self._clock.utc_ms()
            starting.canary_of(connection, selector, how, now_ms)
            return planning.plan(connection, document, selector)

    def confirm(self, actor: Actor, number: int) -> Sight:
        """Confirm a deployment, which is otherwise withdrawn. Raises `NotFoundError`,
        `ConflictError`."""
        with self._database.write() as connection:
            row, now_ms = deployments.get(connection, number), self._clock.utc_ms()
            if row.state not in deployments.ACTIVE or row.confirm_within is None:
                what = "asks for no confirmation" if row.confirm_within is None else "is over"
                raise ConflictError(f"deployment {number} ({row.state}) {what}")
            values = {"confirmed_by": actor.principal.name, "confirm_until_ms": None}
            deployments.must_move(connection, row, values)
            deployments.record(connection, actor, "deployment.confirm", row, now_ms)
            return Sight.read(connection, deployments.get(connection, number), now_ms)

    def cancel(self, actor: Actor, number: int) -> Sight:
        """Withdraw an unfinished deployment. Raises `NotFoundError`, `ConflictError`."""
        with self._database.write() as connection:
            changes.bump(connection)
            row, now_ms = deployments.get(connection, number), self._clock.utc_ms()
            if row.state not in deployments.ACTIVE:
                raise ConflictError(
                    f"deployment {number} is {row.state}: it can't be cancelled; "
                    "POST /api/v1/policy/rollback deploys an earlier version"
                )
            reason = f"cancelled by {actor.principal.name}"
            values = deployments.withdrawn("cancelled", reason, now_ms)
            values["outcome"] = Sight.read(connection, row, now_ms).outcome()
            deployments.must_move(connection, row, values)
            deployments.record(connection, actor, "deployment.cancel", row, now_ms)
            return Sight.read(connection, deployments.get(connection, number), now_ms)

    def sight(self, number: int) -> Sight:
        """A deployment and its nodes. Raises `NotFoundError`."""
        with self._database.read() as connection:
            row = deployments.get(connection, number)
            return Sight.read(connection, row, self._clock.utc_ms())

    def page(
        self, limit: int, before: int | None
    ) -> tuple[list[tuple[AnyRow, dict[str, int]]], int, int | None]:
        """Deployments with their counts of nodes, newest first; see `deployments.page`."""
        with self._database.read() as connection:
            rows, total, following = deployments.page(connection, limit, before)
            now_ms = self._clock.utc_ms()
            found = [(row, _counts(connection, row, now_ms)) for row in rows]
        return found, total, following

    def current(self) -> AnyRow:
        """The version of the newest deployment that stands."""
        with self._database.read() as connection:
            return versions.current(connection)

    def version(self, number: int) -> AnyRow:
        """One version. Raises `NotFoundError`."""
        with self._database.read() as connection:
            return versions.get(connection, number)

    def history(self, limit: int, before: int | None) -> tuple[list[AnyRow], int, int | None]:
        """See `versions.page`."""
        with self._database.read() as connection:
            return versions.page(connection, limit, before)

    def of_node(self, node: str) -> tuple[str, AnyRow, bool]:
        """Epoch and version of a node's policy, and whether exemptions are accepted.

        Raises `NotFoundError`.
        """
        with self._database.read() as connection:
            row = connection.execute(select(nodes).where(nodes.c.id == node)).first()
            standing = None if row is None else Ruling.read(connection).of(row)
            if standing is None:
                raise NotFoundError(f"the fleet has no policy for node {node!r}")
            deployment = deployments.get(connection, standing.id)
            version = versions.get(connection, standing.policy)
            return changes.epoch(connection), version, bool(deployment.accept_exempt)


def _check_name(name: str) -> None:
    """PostgreSQL stores no NUL in a text. Raises `InvalidInputError`."""
    if "\0" in name:
        message, limit = "name: holds a NUL character", "text without NUL"
        raise InvalidInputError(message, field="name", value=name, limit=limit)


def _told_current(connection: Connection) -> dict[str, Any] | None:
    """The fleet's policy in the form of the audit trail; None: there is none."""
    try:
        row = versions.current(connection)
    except NotFoundError:
        return None
    return told(row.number, row.document)


def _counts(connection: Connection, row: AnyRow, now_ms: int) -> dict[str, int]:
    """Nodes by state; for a finished deployment, the stored numbers."""
    if row.outcome is not None:
        return dict(row.outcome["counts"])
    return Sight.read(connection, row, now_ms).counts()

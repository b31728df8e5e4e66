"""The nodes of jobs as the fleet knows them: their tokens, health, draining and removal.

All of it converges: what has been done already is not done again.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

from sqlalchemy import Connection, delete, insert, select, update

from api.access.audit import service as audit
from api.access.keys.freshness import revoked
from api.common.contract.errors import NotFoundError
from api.orchestrator import changes
from api.orchestrator.database.tables.jobs import job_nodes
from api.orchestrator.database.tables.nodes import enrolment_tokens, nodes
from api.orchestrator.following.schemas import DesiredBody
from api.orchestrator.nodes.identity import digest
from api.orchestrator.nodes.registry import Registry
from api.orchestrator.nodes.status import judge
from api.orchestrator.scaling.following import Missing, drains, missing
from api.orchestrator.scaling.held import Held

Desired = Callable[[str], DesiredBody]
"""What the fleet wants of a node now; raises `NotFoundError`."""
_TOKEN_MARGIN_S = 60


def state_of(held: Held, node: str) -> str | None:
    """What the jobs know of a node; None: it has not been begun, or is gone."""
    with held.database.read() as connection:
        state: str | None = connection.execute(
            select(job_nodes.c.state).where(job_nodes.c.id == node)
        ).scalar()
    return state


def begin_node(held: Held, node: str, ordinal: int) -> None:
    """Say that a node is to be there, before it is."""
    with held.write() as connection:
        connection.execute(
            insert(job_nodes).values(
                id=node,
                job=held.job,
                ordinal=ordinal,
                state="creating",
                made_ms=held.clock.utc_ms(),
            )
        )


def make_token(held: Held, node: str, timeout_s: int) -> str:
    """An enrolment token for one use; those of earlier attempts stay, a node may have one."""
    text, now_ms = secrets.token_urlsafe(32), held.clock.utc_ms()
    with held.write() as connection:
        name = f"{node}.{held.row.attempt}"
        connection.execute(delete(enrolment_tokens).where(enrolment_tokens.c.name == name))
        connection.execute(
            insert(enrolment_tokens).values(
                id=secrets.token_hex(8),
                name=name,
                sha256=digest(text),
                created_ms=now_ms,
                created_by=held.job,
                expires_ms=now_ms + (timeout_s + _TOKEN_MARGIN_S) * 1000,
                uses_max=1,
                uses=0,
            )
        )
        audit.record(connection, audit.system(held.job), "token.make", name, now_ms)
    return text


def health(held: Held, node: str) -> str:
    """``healthy``, or what the node is instead, for people."""
    with held.database.read() as connection:
        row = connection.execute(select(nodes).where(nodes.c.id == node)).first()
    if row is None:
        return "not registered"
    status, reasons = judge(row, held.clock.utc_ms())
    return f"{status}: {', '.join(reasons)}" if reasons else status


def activate(held: Held, node: str) -> None:
    """The node is made and healthy."""
    with held.write() as connection:
        is_node = job_nodes.c.id == node
        connection.execute(update(job_nodes).where(is_node).values(state="active"))
        _forget_tokens(connection, node)


def set_desired(held: Held, chosen: list[str], desired: str) -> list[str]:
    """``active`` or ``draining`` for nodes that jobs have made; returns those that are registered
    and heard of.
    """
    with held.write() as connection:
        is_one = nodes.c.id.in_(chosen)
        changed = nodes.c.desired != desired
        found = list(connection.execute(select(nodes).where(is_one)))
        connection.execute(
            update(nodes)
            .where(is_one, changed)
            .values(desired=desired, change=changes.bump(connection))
        )
    now_ms = held.clock.utc_ms()
    return [row.id for row in found if judge(row, now_ms)[0] not in {"unreachable", "registering"}]


def lacks(held: Held, desired: Desired, node: str) -> list[Missing] | None:
    """What a node has not in force of what the fleet wants; None: it is not registered any more."""
    with held.database.read() as connection:
        applied = connection.execute(select(nodes.c.applied).where(nodes.c.id == node)).scalar()
    try:
        return None if applied is None else missing(desired(node), applied)
    except NotFoundError:
        return None


def undrained(held: Held, desired: Desired, chosen: list[str], since_ms: int) -> dict[str, str]:
    """What each node lacks, for people, that does not drain or has connections; as it said since
    then.
    """
    with held.database.read() as connection:
        found = list(connection.execute(select(nodes).where(nodes.c.id.in_(chosen))))
    left = {}
    for row in found:
        count = row.stats.get("connections_active") if (row.seen_ms or 0) > since_ms else None
        try:
            is_draining = drains(desired(row.id), row.applied)
        except NotFoundError:
            continue
        if not is_draining:
            left[row.id] = "has not reported its drain"
        elif count != 0:
            left[row.id] = f"has {'an unknown number of' if count is None else count} connections"
    return left


def begin_removal(held: Held, registry: Registry, node: str) -> bool:
    """Deregister a node: its key and its tokens open nothing any more. False: no job has made it.

    Only for nodes that jobs have made.
    """
    now_ms = held.clock.utc_ms()
    with held.write() as connection:
        is_node = job_nodes.c.id == node
        if connection.execute(update(job_nodes).where(is_node).values(state="removing")).rowcount:
            _forget_tokens(connection, node)
            row = connection.execute(select(nodes).where(nodes.c.id == node)).first()
            if row is not None:
                registry.remove(connection, row, now_ms, is_kept=True)
                audit.record(connection, audit.system(held.job), "node.delete", node, now_ms)
            return True
    return False


def end_removal(held: Held, node: str) -> None:
    """The provider has destroyed it."""
    with held.write() as connection:
        connection.execute(delete(job_nodes).where(job_nodes.c.id == node))


def _forget_tokens(connection: Connection, node: str) -> None:
    is_its = enrolment_tokens.c.name.startswith(f"{node}.", autoescape=True)
    if connection.execute(delete(enrolment_tokens).where(is_its)).rowcount:
        revoked(connection)

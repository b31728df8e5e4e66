"""The fleet's side of a job's nodes: tokens, health, draining and removal.

All steps are idempotent.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

from sqlalchemy import Connection, delete, insert, select, update

from api.access.audit import service as audit
from api.access.keys.freshness import revoked
from api.common import draining
from api.common.contract.errors import NotFoundError
from api.orchestrator import changes
from api.orchestrator.database.tables.jobs import job_nodes
from api.orchestrator.database.tables.nodes import enrolment_tokens, nodes
from api.orchestrator.following.schemas import DesiredBody
from api.orchestrator.nodes.registry import Registry, record_deleted
from api.orchestrator.nodes.status import judge
from api.orchestrator.nodes.tokens import insert_token
from api.orchestrator.scaling.following import Missing, drains, missing
from api.orchestrator.scaling.held import Held
from api.storage.database import AnyRow

Desired = Callable[[str], DesiredBody]
"""The desired state of a node now; raises `NotFoundError`."""
_TOKEN_MARGIN_S = 60


def state_of(held: Held, node: str) -> str | None:
    """The state of a node in its job; None: not begun, or removed."""
    with held.database.read() as connection:
        state: str | None = connection.execute(
            select(job_nodes.c.state).where(job_nodes.c.id == node)
        ).scalar()
    return state


def rows_of(held: Held, chosen: list[str]) -> list[AnyRow]:
    """The rows of those of the nodes that jobs have begun and not removed, by name."""
    query = select(job_nodes).where(job_nodes.c.id.in_(chosen)).order_by(job_nodes.c.id)
    with held.database.read() as connection:
        return list(connection.execute(query))


def begin_node(held: Held, node: str, ordinal: int, host: str) -> None:
    """Insert the row of a node before the provisioner of the host creates the node."""
    with held.write() as connection:
        connection.execute(
            insert(job_nodes).values(
                id=node,
                job=held.job,
                ordinal=ordinal,
                state="creating",
                made_ms=held.clock.utc_ms(),
                host=host,
            )
        )


def make_token(held: Held, node: str, timeout_s: int) -> str:
    """An enrolment token for one use; tokens of earlier attempts stay valid, a node may
    have one."""
    text, now_ms = secrets.token_urlsafe(32), held.clock.utc_ms()
    with held.write() as connection:
        name = f"{node}.{held.row.attempt}"
        connection.execute(delete(enrolment_tokens).where(enrolment_tokens.c.name == name))
        values = {"created_ms": now_ms, "created_by": held.job, "uses_max": 1}
        values |= {"expires_ms": now_ms + (timeout_s + _TOKEN_MARGIN_S) * 1000}
        insert_token(connection, audit.system(held.job), name, text, values)
    return text


def health(held: Held, node: str) -> str:
    """``healthy``, or a text about the node's actual state."""
    with held.database.read() as connection:
        row = connection.execute(select(nodes).where(nodes.c.id == node)).first()
    if row is None:
        return "not registered"
    status, reasons = judge(row, held.clock.utc_ms())
    return f"{status}: {', '.join(reasons)}" if reasons else status


def activate(held: Held, node: str) -> None:
    """Record that the node is created and healthy."""
    with held.write() as connection:
        is_node = job_nodes.c.id == node
        connection.execute(update(job_nodes).where(is_node).values(state="active"))
        _forget_tokens(connection, node)


def drain(held: Held, chosen: list[str]) -> list[str]:
    """Drain nodes that jobs have created; returns those that are registered and reachable.

    A node that was drained already keeps its state, so that `resume` does not resume it.
    """
    with held.write() as connection:
        found = list(connection.execute(select(nodes).where(nodes.c.id.in_(chosen))))
        _set_desired(connection, [row.id for row in found if row.desired == "active"], "draining")
    now_ms = held.clock.utc_ms()
    return [row.id for row in found if judge(row, now_ms)[0] not in {"unreachable", "registering"}]


def resume(held: Held, chosen: list[str]) -> None:
    """End the drain of nodes that `drain` has begun."""
    is_draining = (job_nodes.c.id.in_(chosen), job_nodes.c.state == "draining")
    with held.write() as connection:
        found = list(connection.execute(select(job_nodes.c.id).where(*is_draining)).scalars())
        _set_desired(connection, found, "active")


def _set_desired(connection: Connection, chosen: list[str], desired: str) -> None:
    values = {"desired": desired, "change": changes.bump(connection)}
    connection.execute(update(nodes).where(nodes.c.id.in_(chosen)).values(values))
    connection.execute(update(job_nodes).where(job_nodes.c.id.in_(chosen)).values(state=desired))


def lacks(held: Held, desired: Desired, node: str) -> list[Missing] | None:
    """The parts of its desired state that a node lacks; None: it is not registered any more."""
    with held.database.read() as connection:
        applied = connection.execute(select(nodes.c.applied).where(nodes.c.id == node)).scalar()
    try:
        return None if applied is None else missing(desired(node), applied)
    except NotFoundError:
        return None


def undrained(held: Held, desired: Desired, chosen: list[str], since_ms: int) -> dict[str, str]:
    """For each node whose drain is not complete, a text with what is missing, by reports since
    that time."""
    with held.database.read() as connection:
        found = list(connection.execute(select(nodes).where(nodes.c.id.in_(chosen))))
    left = {}
    for row in found:
        stats = row.stats if (row.seen_ms or 0) > since_ms else {}
        try:
            is_draining = drains(desired(row.id), row.applied)
        except NotFoundError:
            continue
        if not is_draining:
            left[row.id] = "has not reported its drain"
        elif (rest := draining.left(stats)) is not None:
            left[row.id] = rest
    return left


def begin_removal(held: Held, registry: Registry, node: str) -> bool:
    """Deregister a node: its key and its tokens are no longer valid. False: no job has created it.

    Only for nodes that jobs have created.
    """
    now_ms = held.clock.utc_ms()
    with held.write() as connection:
        is_node = job_nodes.c.id == node
        if connection.execute(update(job_nodes).where(is_node).values(state="removing")).rowcount:
            _forget_tokens(connection, node)
            row = connection.execute(select(nodes).where(nodes.c.id == node)).first()
            if row is not None:
                registry.remove(connection, row, now_ms, is_kept=True)
                record_deleted(connection, audit.system(held.job), row, now_ms)
            return True
    return False


def end_removal(held: Held, node: str) -> None:
    """Delete the row of a node after the provider has destroyed it."""
    with held.write() as connection:
        connection.execute(delete(job_nodes).where(job_nodes.c.id == node))


def _forget_tokens(connection: Connection, node: str) -> None:
    is_its = enrolment_tokens.c.name.startswith(f"{node}.", autoescape=True)
    if connection.execute(delete(enrolment_tokens).where(is_its)).rowcount:
        revoked(connection)

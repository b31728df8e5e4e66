"""The desired state, with entries and rules as streams: the content of a snapshot of
the state log."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from sqlalchemy import Connection, func, select

from api.lists.kinds import LISTS
from api.management.database.tables import entries, policies
from api.management.drain import rows as drain_rows
from api.management.lists.rows import visible
from api.management.overlays import rows as overlay_rows
from api.management.rules import rows
from api.storage.tables import meta
from dataplane.base.clock import Clock, Deadline
from dataplane.base.networks import Network
from dataplane.statelog import Overlay, Put, RuleRow

_BATCH = 1000


def state_entries(connection: Connection, clock: Clock) -> Iterator[Put]:
    """Every network on a list, with one batch of rows in memory at a time."""
    boot_id = _boot_id(connection)
    of_network = (entries.c.list, entries.c.key, entries.c.prefix_length)
    # one entry per network, with the latest end of its rows (`latest_end`)
    ends = (
        func.max(entries.c.expires_boot_ms.is_(None)),
        func.max(entries.c.expires_boot_ms),
        func.max(entries.c.expires_utc_ms),
        func.max(entries.c.duration_s),
    )
    found = connection.execution_options(yield_per=_BATCH).execute(
        select(*of_network, *ends).where(visible(clock.boot_ms())).group_by(*of_network)
    )
    for number, key, length, endless, boot_ms, utc_ms, duration_s in found:
        deadline = None if endless else Deadline(boot_id, boot_ms, utc_ms, duration_s)
        yield Put(LISTS[number], Network(key, length), deadline)


def state_policy(connection: Connection) -> dict[str, object] | None:
    """The newest policy; None: the default profile."""
    newest = select(policies.c.document).order_by(policies.c.revision.desc()).limit(1)
    return connection.execute(newest).scalar()


def state_rules(connection: Connection, clock: Clock) -> Iterator[RuleRow]:
    """Every rule of the WAF that has not ended, one batch in memory at a time."""
    return rows.state_rules(connection, _boot_id(connection), clock.boot_ms())


def state_overlays(connection: Connection, clock: Clock) -> tuple[Overlay, ...]:
    """The overlays that have not ended."""
    found = overlay_rows.live(connection, clock.boot_ms())
    return overlay_rows.to_log(found, _boot_id(connection))


def state_drain(connection: Connection) -> bool:
    """Whether the node drains."""
    return drain_rows.read(connection) is not None


def _boot_id(connection: Connection) -> UUID:
    """The boot whose clock the ends refer to."""
    query = select(meta.c.value).where(meta.c.name == "boot_id")
    return UUID(connection.execute(query).scalar_one())

"""The desired state as a stream of puts: what a snapshot of the state log holds."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from sqlalchemy import Connection, select

from api.management.database.tables import entries, meta
from api.management.lists.rows import LISTS, visible
from dataplane.clock import Clock, Deadline
from dataplane.networks import Network
from dataplane.statelog import Put

_BATCH = 1000


def state_entries(connection: Connection, clock: Clock) -> Iterator[Put]:
    """Every entry that has not ended, a batch of rows in memory at a time."""
    query = select(meta.c.value).where(meta.c.name == "boot_id")
    boot_id = UUID(connection.execute(query).scalar_one())
    columns = (
        entries.c.list,
        entries.c.key,
        entries.c.prefix_length,
        entries.c.expires_boot_ms,
        entries.c.expires_utc_ms,
        entries.c.duration_s,
    )
    rows = connection.execution_options(yield_per=_BATCH).execute(
        select(*columns).where(visible(clock.boot_ms()))
    )
    for number, key, length, boot_ms, utc_ms, duration_s in rows:
        deadline = None if boot_ms is None else Deadline(boot_id, boot_ms, utc_ms, duration_s)
        yield Put(LISTS[number], Network(key, length), deadline)

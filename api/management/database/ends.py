"""Converts the ends of entries, overlays and rules to this boot's clock after a reboot.

An end is stored with its boot (``meta.boot_id``), the time on that boot's clock, and UTC; see
`dataplane.base.clock.Deadline`.
"""

from __future__ import annotations

from sqlalchemy import Connection, func, select, update

from api.management.database.tables import entries, overlays, rules
from api.storage.statements.upsert import upsert
from api.storage.tables import meta
from dataplane.base.clock import Clock


def rebase(connection: Connection, clock: Clock) -> None:
    """After a reboot: convert deadlines to this boot's clock (`Deadline.remaining_ms`)."""
    if is_of_boot(connection, clock):
        return
    boot_ms = clock.boot_ms()
    for table in (entries, overlays, rules):
        by_utc = table.c.expires_utc_ms - clock.utc_ms()
        left = func.min(by_utc, table.c.duration_s * 1000 - boot_ms)
        ends = update(table).where(table.c.expires_boot_ms.is_not(None))
        connection.execute(ends.values(expires_boot_ms=boot_ms + func.max(0, left)))
    upsert(connection, meta, {"name": "boot_id"}, {"value": str(clock.boot_id())})


def is_of_boot(connection: Connection, clock: Clock) -> bool:
    """Whether the stored deadlines refer to this boot's clock."""
    known = connection.execute(select(meta.c.value).where(meta.c.name == "boot_id")).scalar()
    return bool(known == str(clock.boot_id()))

"""The fleet's blacklist and allowlist, and the log of changes that nodes follow."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, LargeBinary, MetaData, Table, Text

from api.storage.tables import INT64

metadata = MetaData()

fleet_entries = Table(
    "fleet_entries",
    metadata,
    Column("list", Integer, primary_key=True, autoincrement=False),
    Column("key", LargeBinary, primary_key=True),
    Column("prefix_length", Integer, primary_key=True, autoincrement=False),
    Column("reason", Text),
    Column("duration_s", INT64),
    Column("created_ms", INT64, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("expires_ms", INT64),
    Column("change", INT64, nullable=False),
)
"""Both lists, numbered as in `api.lists.kinds`. ``expires_ms`` NULL: no end. ``change``: the
fleet's change that wrote the row."""

Index("fleet_entries_by_change", fleet_entries.c.change)
Index("fleet_entries_by_end", fleet_entries.c.expires_ms)

fleet_entries_staged = Table(
    "fleet_entries_staged",
    metadata,
    Column("import_id", Text, primary_key=True),
    Column("key", LargeBinary, nullable=False),
    Column("prefix_length", Integer, nullable=False),
    Column("line", Integer, primary_key=True, autoincrement=False),
    Column("part", Integer, primary_key=True, autoincrement=False),
    Column("reason", Text),
    Column("duration_s", INT64),
    Column("staged_ms", INT64, nullable=False),
)
"""Networks of imports that are not committed yet, or left by a crash; ``part`` counts the networks
of one line."""

Index(
    "fleet_entries_staged_by_network",
    fleet_entries_staged.c.import_id,
    fleet_entries_staged.c.key,
    fleet_entries_staged.c.prefix_length,
    fleet_entries_staged.c.line,
)

followed = Table(
    "followed",
    metadata,
    Column("part", Text, primary_key=True),
    Column("change", INT64, nullable=False),
    Column("log_begins", INT64, nullable=False),
    Column("confirmed", INT64, nullable=False),
    Column("confirmed_epoch", Text),
)
"""One row each for ``lists`` and ``rules``: the last change; the change after which
``followed_log`` is complete; and the change at which an operator last confirmed a snapshot that
removes much, with the epoch of this confirmation."""

followed_log = Table(
    "followed_log",
    metadata,
    Column("id", INT64, primary_key=True),
    Column("part", Text, nullable=False),
    Column("change", INT64, nullable=False),
    Column("item", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)
"""The items that each of the newest changes touched; their present values are in the part's own
table."""

Index("followed_log_by_part", followed_log.c.part, followed_log.c.id)
Index("followed_log_by_change", followed_log.c.part, followed_log.c.change)

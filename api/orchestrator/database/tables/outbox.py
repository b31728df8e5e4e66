"""What is due to receivers of webhooks: a row for each event and receiver."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Index, Integer, MetaData, Table, Text

from api.storage.tables import INT64

metadata = MetaData()

outbox = Table(
    "outbox",
    metadata,
    Column("number", INT64, primary_key=True),
    Column("event", Text, nullable=False),
    Column("endpoint", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("node", Text, nullable=False),
    Column("at_ms", INT64, nullable=False),
    Column("data", JSON, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_ms", INT64, nullable=False),
    Column("last_status", Integer),
    Column("last_error", Text),
    Column("last_ms", INT64),
    Column("sequence", INT64),
    sqlite_autoincrement=True,
)
"""``state``: pending, delivered or dead. ``next_ms``: when it may be tried; a worker that tries it
moves this beyond the attempt's longest time, so that another one takes over if it dies.
``sequence`` counts the events, and is the same for all receivers of one."""

Index("outbox_due", outbox.c.state, outbox.c.endpoint, outbox.c.next_ms)

receivers = Table(
    "receivers",
    metadata,
    Column("endpoint", Text, primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("last_success_ms", INT64),
    Column("last_error", Text),
)
"""How each did: ``failures`` in a row. What was delivered leaves the outbox."""

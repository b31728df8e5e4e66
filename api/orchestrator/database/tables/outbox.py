"""Messages for receivers of webhooks: one row for each event and receiver."""

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
moves this beyond the longest duration of an attempt, so that another worker takes over if it dies.
``sequence`` counts the events; it is the same for all receivers of an event."""

Index("outbox_due", outbox.c.state, outbox.c.endpoint, outbox.c.next_ms)

receivers = Table(
    "receivers",
    metadata,
    Column("endpoint", Text, primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("last_success_ms", INT64),
    Column("last_error", Text),
)
"""The state of each receiver: ``failures`` in a row. Delivered messages leave the outbox."""

"""Tables of ``events.db``, for building queries. The migrations create them; a test compares both.

Times are milliseconds since 1970 in UTC, unless a name says otherwise.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Column, ForeignKey, Index, Integer, LargeBinary, MetaData, Table, Text

from api.storage import tables as storage
from api.storage.tables import INT64

metadata = MetaData()
METADATA = (storage.metadata, metadata)
"""All tables of ``events.db``: those of every database, and the tables below. ``meta`` has
database_id."""

incidents = Table(
    "incidents",
    metadata,
    Column("id", Text, primary_key=True),  # attack_ and 16 hexadecimal digits
    Column("type", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("profile", Text, nullable=False),
    Column("state", Text, nullable=False),  # active or ended
    Column("instance", Text, nullable=False),  # which start of the data plane has seen it
    Column("started_at", INT64, nullable=False),
    Column("detected_at", INT64, nullable=False),
    Column("ended_at", INT64),
    Column("updated_at", INT64, nullable=False),
    Column("dropped", INT64, nullable=False),
    Column("document", Text, nullable=False),  # JSON: an attack as the API shows it
    Column("change", INT64, nullable=False, server_default=sa.text("0")),  # of all: 1, 2, ...
)
Index("incidents_by_start", incidents.c.started_at, incidents.c.id)
Index("incidents_by_change", incidents.c.change)
Index("incidents_active", incidents.c.state, sqlite_where=sa.text("state = 'active'"))

events = Table(
    "events",
    metadata,
    Column("sequence", INT64, primary_key=True),  # 1, 2, ...; never given twice
    Column("id", Text, nullable=False, unique=True),  # evt_ and 22 characters
    Column("kind", Text, nullable=False),
    Column("at", INT64, nullable=False),
    Column("incident_id", Text),
    Column("data", Text, nullable=False),  # JSON
    sqlite_autoincrement=True,
)
Index("events_by_kind", events.c.kind, events.c.sequence)
Index(
    "events_of_incidents",
    events.c.incident_id,
    events.c.sequence,
    sqlite_where=sa.text("incident_id IS NOT NULL"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column(
        "event_sequence", INT64, ForeignKey(events.c.sequence, ondelete="CASCADE"), primary_key=True
    ),
    Column("endpoint", Text, primary_key=True),  # its URL
    Column("state", Text, nullable=False),  # pending, delivered or dead
    Column("incident_id", Text),  # of the event
    Column("created_at", INT64, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_at", INT64, nullable=False),  # not tried before
    Column("last_at", INT64),  # tried last
    Column("last_status", Integer),  # HTTP's; NULL: there was no answer
    Column("last_error", Text),
    sqlite_with_rowid=False,
)
Index(
    "deliveries_by_state",
    deliveries.c.endpoint,
    deliveries.c.state,
    deliveries.c.event_sequence,
)
Index(
    "deliveries_pending_of_incidents",
    deliveries.c.endpoint,
    deliveries.c.incident_id,
    deliveries.c.event_sequence,
    sqlite_where=sa.text("state = 'pending' AND incident_id IS NOT NULL"),
)

endpoints = Table(
    "endpoints",
    metadata,
    Column("url", Text, primary_key=True),
    Column("failures", Integer, nullable=False),  # attempts without success since the last one
    Column("next_at", INT64, nullable=False),  # not tried before
    Column("last_success_at", INT64),
    Column("last_error", Text),
)
"""The state of each receiver of webhooks, so that back-off survives a restart."""

captures = Table(
    "captures",
    metadata,
    Column("number", INT64, primary_key=True),
    Column("incident_id", Text, nullable=False),
    Column("at_ns", INT64, nullable=False),
    Column("reason", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("port", Text, nullable=False),
    Column("length", Integer, nullable=False),  # of the packet; data may be cut
    Column("data", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)
Index("captures_of_incidents", captures.c.incident_id, captures.c.number)

baseline = Table(
    "baseline",
    metadata,
    Column("profile", Text, primary_key=True),
    Column("hour_of_week", Integer, primary_key=True),  # 0: Monday, 00:00 to 01:00 UTC
    Column("metric", Text, primary_key=True),
    Column("bucket", Integer, primary_key=True),
    Column("count", INT64, nullable=False),
    sqlite_with_rowid=False,
)

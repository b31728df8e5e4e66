"""First schema: incidents, events, deliveries, captures, baseline."""

from __future__ import annotations

import uuid

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "meta",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    op.execute(
        sa.text("INSERT INTO meta VALUES ('database_id', :id)").bindparams(id=str(uuid.uuid4()))
    )
    _incidents()
    _events()
    _deliveries()
    _evidence()


def _incidents() -> None:
    op.create_table(
        "incidents",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("profile", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("instance", sa.Text, nullable=False),
        sa.Column("started_at", sa.Integer, nullable=False),
        sa.Column("detected_at", sa.Integer, nullable=False),
        sa.Column("ended_at", sa.Integer),
        sa.Column("updated_at", sa.Integer, nullable=False),
        sa.Column("dropped", sa.Integer, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
    )
    op.create_index("incidents_by_start", "incidents", ["started_at", "id"])
    op.create_index(
        "incidents_active", "incidents", ["state"], sqlite_where=sa.text("state = 'active'")
    )


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("sequence", sa.Integer, primary_key=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("at", sa.Integer, nullable=False),
        sa.Column("incident_id", sa.Text),
        sa.Column("data", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("events_by_kind", "events", ["kind", "sequence"])
    op.create_index(
        "events_of_incidents",
        "events",
        ["incident_id", "sequence"],
        sqlite_where=sa.text("incident_id IS NOT NULL"),
    )


def _deliveries() -> None:
    event = sa.ForeignKey("events.sequence", ondelete="CASCADE")
    op.create_table(
        "deliveries",
        sa.Column("event_sequence", sa.Integer, event, primary_key=True),
        sa.Column("endpoint", sa.Text, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("incident_id", sa.Text),
        sa.Column("created_at", sa.Integer, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_at", sa.Integer, nullable=False),
        sa.Column("last_at", sa.Integer),
        sa.Column("last_status", sa.Integer),
        sa.Column("last_error", sa.Text),
        sqlite_with_rowid=False,
    )
    op.create_index("deliveries_by_state", "deliveries", ["endpoint", "state", "event_sequence"])
    op.create_index(
        "deliveries_pending_of_incidents",
        "deliveries",
        ["endpoint", "incident_id", "event_sequence"],
        sqlite_where=sa.text("state = 'pending' AND incident_id IS NOT NULL"),
    )
    op.create_table(
        "endpoints",
        sa.Column("url", sa.Text, primary_key=True),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("next_at", sa.Integer, nullable=False),
        sa.Column("last_success_at", sa.Integer),
        sa.Column("last_error", sa.Text),
    )


def _evidence() -> None:
    op.create_table(
        "captures",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("incident_id", sa.Text, nullable=False),
        sa.Column("at_ns", sa.Integer, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("mode", sa.Text, nullable=False),
        sa.Column("port", sa.Text, nullable=False),
        sa.Column("length", sa.Integer, nullable=False),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("captures_of_incidents", "captures", ["incident_id", "number"])
    op.create_table(
        "baseline",
        sa.Column("profile", sa.Text, primary_key=True),
        sa.Column("hour_of_week", sa.Integer, primary_key=True),
        sa.Column("metric", sa.Text, primary_key=True),
        sa.Column("bucket", sa.Integer, primary_key=True),
        sa.Column("count", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )

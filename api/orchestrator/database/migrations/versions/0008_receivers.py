"""Receivers of webhooks, and a number of each event."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from api.storage.tables import INT64

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Apply."""
    op.add_column("outbox", sa.Column("last_ms", INT64))
    op.add_column("outbox", sa.Column("sequence", INT64))
    op.create_table(
        "receivers",
        sa.Column("endpoint", sa.Text, primary_key=True),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("last_success_ms", INT64),
        sa.Column("last_error", sa.Text),
    )
    op.execute("INSERT INTO meta (name, value) VALUES ('events', '0')")

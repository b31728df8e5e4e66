"""Tables of incidents and of webhooks; columns for a node's host and clock."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from api.storage.tables import INT64

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Apply."""
    _incidents()
    _outbox()
    op.create_table(
        "deleted_nodes",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("key_sha256", sa.LargeBinary, nullable=False),
        sa.Column("deleted_ms", INT64, nullable=False),
    )
    op.add_column("nodes", sa.Column("status", sa.Text))
    op.add_column("nodes", sa.Column("clock_off_ms", INT64))
    op.add_column("nodes", sa.Column("previous_boot_id", sa.Text))
    op.add_column("nodes", sa.Column("duplicate_ms", INT64))


def _incidents() -> None:
    op.create_table(
        "incidents",
        sa.Column("node", sa.Text, primary_key=True),
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("target_kind", sa.Text, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("profile", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("is_active", sa.Boolean, nullable=False),
        sa.Column("started_ms", INT64, nullable=False),
        sa.Column("last_ms", INT64, nullable=False),
        sa.Column("version_ms", INT64, nullable=False),
        sa.Column("spoofed", sa.Boolean, nullable=False),
        sa.Column("packets", INT64, nullable=False),
        sa.Column("dropped", INT64, nullable=False),
        sa.Column("peak_pps", INT64, nullable=False),
        sa.Column("peak_bps", INT64, nullable=False),
        sa.Column("distinct_sources", INT64, nullable=False),
        sa.Column("sources", sa.JSON, nullable=False),
    )
    op.create_index("incidents_last", "incidents", ["last_ms"])
    op.create_index("incidents_of_node", "incidents", ["node", "last_ms"])


def _outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("number", INT64, primary_key=True),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("endpoint", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("node", sa.Text, nullable=False),
        sa.Column("at_ms", INT64, nullable=False),
        sa.Column("data", sa.JSON, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_ms", INT64, nullable=False),
        sa.Column("last_status", sa.Integer),
        sa.Column("last_error", sa.Text),
        sqlite_autoincrement=True,
    )
    op.create_index("outbox_due", "outbox", ["state", "endpoint", "next_ms"])

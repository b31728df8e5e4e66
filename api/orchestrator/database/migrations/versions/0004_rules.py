"""The fleet's rules of the WAF."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from api.storage.tables import INT64

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "fleet_rules",
        sa.Column("number", INT64, primary_key=True),
        sa.Column("name", sa.Text),
        sa.Column("group_name", sa.Text),
        sa.Column("pattern", sa.Text, nullable=False),
        sa.Column("pattern_bytes", sa.Integer, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("severity", sa.Text, nullable=False),
        sa.Column("targets", sa.JSON, nullable=False),
        sa.Column("profiles", sa.JSON, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("created_ms", INT64, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("expires_ms", INT64),
        sa.Column("change", INT64, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("fleet_rules_by_change", "fleet_rules", ["change"])

"""Lines of imports of rules."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from api.storage.tables import INT64

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "fleet_rules_staged",
        sa.Column("import_id", sa.Text, primary_key=True),
        sa.Column("line", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("staged_ms", INT64, nullable=False),
        sa.Column("name", sa.Text),
        sa.Column("group_name", sa.Text),
        sa.Column("pattern", sa.Text, nullable=False),
        sa.Column("pattern_bytes", sa.Integer, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("severity", sa.Text, nullable=False),
        sa.Column("targets", sa.JSON, nullable=False),
        sa.Column("profiles", sa.JSON, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("expires_ms", INT64),
    )

"""Groups of the WAF's rules, and a table for the rules of an import that is not committed yet."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Apply."""
    op.add_column("rules", sa.Column("group_name", sa.Text))
    where = sa.text("group_name IS NOT NULL")
    op.create_index("rules_by_group", "rules", ["group_name"], sqlite_where=where)
    op.create_table(
        "rules_staged",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text),
        sa.Column("pattern", sa.Text),
        sa.Column("pattern_bytes", sa.Integer),
        sa.Column("action", sa.Text),
        sa.Column("severity", sa.Text),
        sa.Column("targets", sa.JSON),
        sa.Column("profiles", sa.JSON),
        sa.Column("enabled", sa.Integer),
        sa.Column("duration_s", sa.Integer),
        sa.Column("created_ms", sa.Integer),
        sa.Column("created_by", sa.Text),
        sa.Column("expires_boot_ms", sa.Integer),
        sa.Column("expires_utc_ms", sa.Integer),
        sa.Column("rejected", sa.Text),
        sa.Column("group_name", sa.Text),
    )

"""Rules of the WAF. A number is used once only."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "rules",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text),
        sa.Column("pattern", sa.Text, nullable=False),
        sa.Column("pattern_bytes", sa.Integer, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("severity", sa.Text, nullable=False),
        sa.Column("targets", sa.JSON, nullable=False),
        sa.Column("profiles", sa.JSON, nullable=False),
        sa.Column("enabled", sa.Integer, nullable=False),
        sa.Column("duration_s", sa.Integer),
        sa.Column("created_ms", sa.Integer, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("expires_boot_ms", sa.Integer),
        sa.Column("expires_utc_ms", sa.Integer),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("rejected", sa.Text),
        sqlite_autoincrement=True,
    )
    op.create_index("rules_by_revision", "rules", ["revision", "pattern_bytes"])
    for name, column in (("rules_by_end", "expires_boot_ms"), ("rules_rejected", "rejected")):
        where = sa.text(f"{column} IS NOT NULL")
        op.create_index(name, "rules", [column], sqlite_where=where)

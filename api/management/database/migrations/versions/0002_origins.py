"""Entries by origin: several may hold one network; a bulk change may replace or end rows.

The origin of existing entries is not known; it becomes ``manual``.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Apply."""
    op.rename_table("entries", "entries_before")
    op.create_table(
        "entries",
        sa.Column("list", sa.Integer, primary_key=True),
        sa.Column("key", sa.LargeBinary, primary_key=True),
        sa.Column("prefix_length", sa.Integer, primary_key=True),
        sa.Column("origin", sa.Text, primary_key=True),
        sa.Column("import_id", sa.Integer, primary_key=True),
        sa.Column("reason", sa.Text),
        sa.Column("duration_s", sa.Integer),
        sa.Column("created_ms", sa.Integer, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("expires_boot_ms", sa.Integer),
        sa.Column("expires_utc_ms", sa.Integer),
        sa.Column("revision", sa.Integer),
        sa.Column("ended_by", sa.Integer),
        sa.Column("rejected", sa.Text),
        sqlite_with_rowid=False,
    )
    # In the order of the old table's key, which is also the order of the new one's.
    op.execute(
        "INSERT INTO entries SELECT list, key, prefix_length, 'manual', coalesce(import_id, 0),"
        " reason, duration_s, created_ms, created_by, expires_boot_ms, expires_utc_ms, revision,"
        " NULL, rejected FROM entries_before ORDER BY list, key, prefix_length"
    )
    op.drop_table("entries_before")
    _indices()
    op.create_table(
        "origin_totals",
        sa.Column("list", sa.Integer, primary_key=True),
        sa.Column("kind", sa.Integer, primary_key=True),
        sa.Column("origin", sa.Text, primary_key=True),
        sa.Column("count", sa.Integer, nullable=False),
    )
    op.execute(
        "INSERT INTO origin_totals SELECT list, kind, 'manual', count FROM totals WHERE count > 0"
    )


def _indices() -> None:
    """Dropped with the old table."""
    for name, column in (
        ("entries_ended", "ended_by"),
        ("entries_by_end", "expires_boot_ms"),
        ("entries_rejected", "rejected"),
    ):
        where = sa.text(f"{column} IS NOT NULL")
        op.create_index(name, "entries", [column], sqlite_where=where)

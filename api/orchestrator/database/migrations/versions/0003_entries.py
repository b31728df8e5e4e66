"""The fleet's blacklist and allowlist, and the log of changes that nodes follow."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from api.storage.tables import INT64

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "fleet_entries",
        sa.Column("list", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("key", sa.LargeBinary, primary_key=True),
        sa.Column("prefix_length", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("reason", sa.Text),
        sa.Column("duration_s", INT64),
        sa.Column("created_ms", INT64, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("expires_ms", INT64),
        sa.Column("change", INT64, nullable=False),
    )
    op.create_index("fleet_entries_by_change", "fleet_entries", ["change"])
    op.create_index("fleet_entries_by_end", "fleet_entries", ["expires_ms"])
    op.create_table(
        "fleet_entries_staged",
        sa.Column("import_id", sa.Text, primary_key=True),
        sa.Column("key", sa.LargeBinary, nullable=False),
        sa.Column("prefix_length", sa.Integer, nullable=False),
        sa.Column("line", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("reason", sa.Text),
        sa.Column("duration_s", INT64),
        sa.Column("staged_ms", INT64, nullable=False),
    )
    staged_by = ["import_id", "key", "prefix_length", "line"]
    op.create_index("fleet_entries_staged_by_network", "fleet_entries_staged", staged_by)
    op.create_table(
        "followed",
        sa.Column("part", sa.Text, primary_key=True),
        sa.Column("change", INT64, nullable=False),
        sa.Column("log_begins", INT64, nullable=False),
        sa.Column("confirmed", INT64, nullable=False),
        sa.Column("confirmed_epoch", sa.Text),
    )
    op.create_table(
        "followed_log",
        sa.Column("id", INT64, primary_key=True),
        sa.Column("part", sa.Text, nullable=False),
        sa.Column("change", INT64, nullable=False),
        sa.Column("item", sa.LargeBinary, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("followed_log_by_part", "followed_log", ["part", "id"])
    op.create_index("followed_log_by_change", "followed_log", ["part", "change"])
    for part in ("lists", "rules"):
        op.execute(
            sa.text(
                "INSERT INTO followed(part, change, log_begins, confirmed) VALUES (:part, 0, 0, 0)"
            ).bindparams(part=part)
        )

"""A line of an import may stand for several networks. Staged rows last seconds only."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from api.storage.tables import INT64

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Apply."""
    op.drop_table("fleet_entries_staged")
    op.create_table(
        "fleet_entries_staged",
        sa.Column("import_id", sa.Text, primary_key=True),
        sa.Column("key", sa.LargeBinary, nullable=False),
        sa.Column("prefix_length", sa.Integer, nullable=False),
        sa.Column("line", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("part", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("reason", sa.Text),
        sa.Column("duration_s", INT64),
        sa.Column("staged_ms", INT64, nullable=False),
    )
    staged_by = ["import_id", "key", "prefix_length", "line"]
    op.create_index("fleet_entries_staged_by_network", "fleet_entries_staged", staged_by)

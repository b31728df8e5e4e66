"""Rules of the WAF by origin: this node's own, and the fleet's."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Apply."""
    origin = sa.Column("origin", sa.Text, nullable=False, server_default="manual")
    op.add_column("rules", origin)
    op.add_column("rules", sa.Column("fleet_id", sa.Integer))
    where = sa.text("fleet_id IS NOT NULL")
    op.create_index("rules_by_fleet_id", "rules", ["fleet_id"], unique=True, sqlite_where=where)
    for name, of_type in (("origin", sa.Text), ("fleet_id", sa.Integer)):
        op.add_column("rules_staged", sa.Column(name, of_type))

"""Stamps, by which a worker detects that its cached row of a node is outdated."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from api.storage.tables import INT64

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Apply."""
    stamp = sa.Column("stamp", INT64, nullable=False, server_default=sa.text("0"))
    op.add_column("nodes", stamp)

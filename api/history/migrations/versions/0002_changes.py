"""Incidents get the number of their last change, for readers that follow changes.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Existing incidents get 0: they changed before changes were counted."""
    op.add_column(
        "incidents", sa.Column("change", sa.Integer, nullable=False, server_default=sa.text("0"))
    )
    op.create_index("incidents_by_change", "incidents", ["change"])

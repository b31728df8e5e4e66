"""Overlays of the policy, which end at a given time."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "overlays",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("document", sa.JSON, nullable=False),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("incident", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("duration_s", sa.Integer, nullable=False),
        sa.Column("created_ms", sa.Integer, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("expires_boot_ms", sa.Integer, nullable=False),
        sa.Column("expires_utc_ms", sa.Integer, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
    )

"""Versions of the fleet's policy and their deployments; a node's heartbeat before the last."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from api.storage.tables import INT64

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Apply."""
    op.add_column("nodes", sa.Column("stats_before", sa.JSON))
    op.add_column("nodes", sa.Column("seen_before_ms", INT64))
    op.create_table(
        "fleet_policies",
        sa.Column("number", INT64, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("document", sa.JSON, nullable=False),
        sa.Column("rule_types", sa.JSON, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("created_ms", INT64, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
    )
    op.create_table(
        "deployments",
        sa.Column("id", INT64, primary_key=True),
        sa.Column("policy", INT64, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("rule_types", sa.JSON, nullable=False),
        sa.Column("selector", sa.Text, nullable=False),
        sa.Column("strategy", sa.Text, nullable=False),
        sa.Column("accept_exempt", sa.Integer, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("stands", sa.Integer, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("canary", sa.Text),
        sa.Column("hold_seconds", sa.Integer, nullable=False),
        sa.Column("max_drop_ratio", sa.Float, nullable=False),
        sa.Column("confirm_within", sa.Integer),
        sa.Column("confirm_until_ms", INT64),
        sa.Column("confirmed_by", sa.Text),
        sa.Column("created_ms", INT64, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("changed_ms", INT64, nullable=False),
        sa.Column("ended_ms", INT64),
        sa.Column("progress", sa.JSON, nullable=False),
        sa.Column("outcome", sa.JSON),
        sa.Column("step", sa.Integer, nullable=False),
    )
    op.create_index("deployments_by_state", "deployments", ["state"])
    op.create_index("deployments_that_stand", "deployments", ["stands"])

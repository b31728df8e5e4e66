"""Tables of jobs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from api.storage.tables import INT64

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "jobs",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("nodes", sa.JSON, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("open", sa.Integer, unique=True),
        sa.Column("cancelled_by", sa.Text),
        sa.Column("error", sa.Text),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("owner", sa.Text),
        sa.Column("lease_ms", INT64),
        sa.Column("created_ms", INT64, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("started_ms", INT64),
        sa.Column("ended_ms", INT64),
    )
    op.create_index("jobs_created", "jobs", ["created_ms"])
    op.create_table(
        "job_nodes",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("job", sa.Text, nullable=False),
        sa.Column("ordinal", sa.Integer, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("made_ms", INT64, nullable=False),
    )
    op.create_table(
        "job_log",
        sa.Column("id", INT64, primary_key=True),
        sa.Column("job", sa.Text, nullable=False),
        sa.Column("at_ms", INT64, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("job_log_job", "job_log", ["job", "id"])

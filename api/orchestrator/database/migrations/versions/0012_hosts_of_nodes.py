"""The nodes that jobs have made store the host of their provisioner."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Apply."""
    op.add_column("job_nodes", sa.Column("host", sa.Text))

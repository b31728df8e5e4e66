"""The audit trail stores the object before a change and after it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Apply."""
    for name in ("before", "after"):
        op.add_column("audit", sa.Column(name, sa.JSON))

"""First schema: lists, revisions, outbox, imports, keys, audit, idempotency, policy."""

from __future__ import annotations

import uuid

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "meta",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    op.execute(
        sa.text("INSERT INTO meta VALUES ('database_id', :id)").bindparams(id=str(uuid.uuid4()))
    )
    _lists()
    _changes()
    _access()


def _lists() -> None:
    op.create_table(
        "imports",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("list", sa.Integer, nullable=False),
        sa.Column("revision", sa.Integer),
        sa.Column("created_ms", sa.Integer, nullable=False),
    )
    op.create_table(
        "entries",
        sa.Column("list", sa.Integer, primary_key=True),
        sa.Column("key", sa.LargeBinary, primary_key=True),
        sa.Column("prefix_length", sa.Integer, primary_key=True),
        sa.Column("reason", sa.Text),
        sa.Column("duration_s", sa.Integer),
        sa.Column("created_ms", sa.Integer, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("expires_boot_ms", sa.Integer),
        sa.Column("expires_utc_ms", sa.Integer),
        sa.Column("revision", sa.Integer),
        sa.Column("import_id", sa.Integer, sa.ForeignKey("imports.id")),
        sa.Column("rejected", sa.Text),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "entries_by_end",
        "entries",
        ["expires_boot_ms"],
        sqlite_where=sa.text("expires_boot_ms IS NOT NULL"),
    )
    op.create_index(
        "entries_rejected", "entries", ["rejected"], sqlite_where=sa.text("rejected IS NOT NULL")
    )
    op.create_table(
        "totals",
        sa.Column("list", sa.Integer, primary_key=True),
        sa.Column("kind", sa.Integer, primary_key=True),
        sa.Column("count", sa.Integer, nullable=False),
    )
    op.create_table(
        "import_skips",
        sa.Column("import_id", sa.Integer, sa.ForeignKey("imports.id"), primary_key=True),
        sa.Column("key", sa.LargeBinary, primary_key=True),
        sa.Column("prefix_length", sa.Integer, primary_key=True),
    )


def _changes() -> None:
    op.create_table(
        "revisions",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("created_ms", sa.Integer, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("rejected", sa.Text),
    )
    op.create_table(
        "outbox",
        sa.Column("revision", sa.Integer, primary_key=True),
        sa.Column("line", sa.Text, nullable=False),
    )
    op.create_table(
        "policies",
        sa.Column("revision", sa.Integer, primary_key=True),
        sa.Column("document", sa.JSON, nullable=False),
    )


def _access() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("sha256", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("created_ms", sa.Integer, nullable=False),
        sa.Column("expires_ms", sa.Integer),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("at_ms", sa.Integer, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("revision", sa.Integer),
        sa.Column("request_id", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("audit_by_time", "audit", ["at_ms"])
    op.create_table(
        "idempotency",
        sa.Column("key_id", sa.Text, primary_key=True),
        sa.Column("operation", sa.Text, primary_key=True),
        sa.Column("idempotency_key", sa.Text, primary_key=True),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("created_ms", sa.Integer, nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("headers", sa.JSON, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index("idempotency_by_time", "idempotency", ["created_ms"])

"""First schema: the common tables of both APIs, nodes, enrolment tokens."""

from __future__ import annotations

import uuid

import sqlalchemy as sa
from alembic import op

from api.storage.tables import INT64

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "meta",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    for name, value in (("database_id", str(uuid.uuid4())), ("change", "0")):
        op.execute(
            sa.text("INSERT INTO meta VALUES (:name, :value)").bindparams(name=name, value=value)
        )
    _access()
    _nodes()


def _access() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("sha256", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("created_ms", INT64, nullable=False),
        sa.Column("expires_ms", INT64),
    )
    op.create_table(
        "audit",
        sa.Column("id", INT64, primary_key=True),
        sa.Column("at_ms", INT64, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("revision", INT64),
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
        sa.Column("created_ms", INT64, nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("headers", sa.JSON, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index("idempotency_by_time", "idempotency", ["created_ms"])


def _nodes() -> None:
    op.create_table(
        "nodes",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("uuid", sa.Text, nullable=False),
        sa.Column("key_sha256", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("next_key_sha256", sa.LargeBinary, unique=True),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("labels", sa.JSON, nullable=False),
        sa.Column("rule_types", sa.JSON, nullable=False),
        sa.Column("registered_ms", INT64, nullable=False),
        sa.Column("seen_ms", INT64),
        sa.Column("mode", sa.Text),
        sa.Column("health", sa.Text),
        sa.Column("reasons", sa.JSON, nullable=False),
        sa.Column("load", sa.Float),
        sa.Column("stats", sa.JSON, nullable=False),
        sa.Column("applied", sa.JSON, nullable=False),
        sa.Column("boot_id", sa.Text),
        sa.Column("desired", sa.Text, nullable=False),
        sa.Column("change", INT64, nullable=False),
    )
    op.create_index("nodes_seen", "nodes", ["seen_ms"])
    op.create_table(
        "enrolment_tokens",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("sha256", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("created_ms", INT64, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("expires_ms", INT64),
        sa.Column("uses_max", sa.Integer),
        sa.Column("uses", sa.Integer, nullable=False),
    )

"""The tables of keys, audit and receipts, for every database that includes them.

The migrations of each API create them. Times are milliseconds.
"""

from __future__ import annotations

from sqlalchemy import JSON, Column, Index, Integer, LargeBinary, MetaData, Table, Text

from api.storage.tables import INT64

metadata = MetaData()

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("role", Text, nullable=False),
    Column("sha256", LargeBinary, nullable=False, unique=True),
    Column("created_ms", INT64, nullable=False),
    Column("expires_ms", INT64),
)

audit = Table(
    "audit",
    metadata,
    Column("id", INT64, primary_key=True),
    Column("at_ms", INT64, nullable=False),
    Column("key", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("revision", INT64),
    Column("request_id", Text, nullable=False),
    Column("before", JSON(none_as_null=True)),
    Column("after", JSON(none_as_null=True)),
    sqlite_autoincrement=True,
)
Index("audit_by_time", audit.c.at_ms)
"""One row for each change: author, action, time and source. ``before`` and ``after`` hold the
changed object. ``before`` NULL: created; ``after`` NULL: deleted; both NULL: the target describes
the change completely."""

idempotency = Table(
    "idempotency",
    metadata,
    Column("key_id", Text, primary_key=True),
    Column("operation", Text, primary_key=True),
    Column("idempotency_key", Text, primary_key=True),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("created_ms", INT64, nullable=False),
    Column("status", Integer, nullable=False),
    Column("headers", JSON, nullable=False),
    Column("body", Text, nullable=False),
)
Index("idempotency_by_time", idempotency.c.created_ms)

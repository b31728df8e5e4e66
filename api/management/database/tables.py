"""The tables of ``node.db``. Times are milliseconds; networks are 16-byte keys with a length.

Migrations make them; this is what queries are written against, and a test compares the two.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)

metadata = MetaData()

meta = Table(
    "meta",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
"""Single values: database_id, boot_id, keys_made, dataplane (whose rejections are stored)."""

entries = Table(
    "entries",
    metadata,
    Column("list", Integer, primary_key=True),
    Column("key", LargeBinary, primary_key=True),
    Column("prefix_length", Integer, primary_key=True),
    Column("reason", Text),
    Column("duration_s", Integer),
    Column("created_ms", Integer, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("expires_boot_ms", Integer),
    Column("expires_utc_ms", Integer),
    Column("revision", Integer),
    Column("import_id", Integer, ForeignKey("imports.id")),
    Column("rejected", Text),
    sqlite_with_rowid=False,
)
"""Both lists. ``expires_boot_ms`` is on the boot clock of ``meta.boot_id``; NULL: no end.
A row of an import has no revision of its own: it is visible once its import has one."""

Index(
    "entries_by_end",
    entries.c.expires_boot_ms,
    sqlite_where=entries.c.expires_boot_ms.is_not(None),
)
Index("entries_rejected", entries.c.rejected, sqlite_where=entries.c.rejected.is_not(None))

totals = Table(
    "totals",
    metadata,
    Column("list", Integer, primary_key=True),
    Column("kind", Integer, primary_key=True),
    Column("count", Integer, nullable=False),
)
"""Visible rows by list and kind, expired ones included until they are purged."""

imports = Table(
    "imports",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("list", Integer, nullable=False),
    Column("revision", Integer),
    Column("created_ms", Integer, nullable=False),
)
"""``revision`` NULL: still being staged, or left by a crash."""

import_skips = Table(
    "import_skips",
    metadata,
    Column("import_id", Integer, ForeignKey("imports.id"), primary_key=True),
    Column("key", LargeBinary, primary_key=True),
    Column("prefix_length", Integer, primary_key=True),
)
"""Staged rows that another write took over: the data plane must not take them from the file."""

revisions = Table(
    "revisions",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("action", Text, nullable=False),
    Column("created_ms", Integer, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("rejected", Text),
)

outbox = Table(
    "outbox",
    metadata,
    Column("revision", Integer, primary_key=True),
    Column("line", Text, nullable=False),
)
"""Committed, but perhaps not yet in the state log; ``line`` is what goes there."""

policies = Table(
    "policies",
    metadata,
    Column("revision", Integer, primary_key=True),
    Column("document", JSON, nullable=False),
)
"""The newest row is the policy; none: the default profile."""

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("role", Text, nullable=False),
    Column("sha256", LargeBinary, nullable=False, unique=True),
    Column("created_ms", Integer, nullable=False),
    Column("expires_ms", Integer),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at_ms", Integer, nullable=False),
    Column("key", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("revision", Integer),
    Column("request_id", Text, nullable=False),
    sqlite_autoincrement=True,
)
Index("audit_by_time", audit.c.at_ms)

idempotency = Table(
    "idempotency",
    metadata,
    Column("key_id", Text, primary_key=True),
    Column("operation", Text, primary_key=True),
    Column("idempotency_key", Text, primary_key=True),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("created_ms", Integer, nullable=False),
    Column("status", Integer, nullable=False),
    Column("headers", JSON, nullable=False),
    Column("body", Text, nullable=False),
)
Index("idempotency_by_time", idempotency.c.created_ms)

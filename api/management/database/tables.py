"""The tables of ``node.db``. Times are milliseconds; networks are 16-byte keys with a length.

Migrations create the tables; these definitions are used to build queries. A test compares both.
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

from api.access import tables as access
from api.storage import tables as storage

metadata = MetaData()
METADATA = (storage.metadata, access.metadata, metadata)
"""All tables of ``node.db``: those of every database, those of access, and the node's own below.
``meta`` has database_id, boot_id, keys_made, dataplane (the one whose rejections are stored),
rules_import (the revision of the newest import of rules), fleet_policy (see
`api.management.policy.fleet`)."""

entries = Table(
    "entries",
    metadata,
    Column("list", Integer, primary_key=True),
    Column("key", LargeBinary, primary_key=True),
    Column("prefix_length", Integer, primary_key=True),
    Column("origin", Text, primary_key=True),
    Column("import_id", Integer, primary_key=True),
    Column("reason", Text),
    Column("duration_s", Integer),
    Column("created_ms", Integer, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("expires_boot_ms", Integer),
    Column("expires_utc_ms", Integer),
    Column("revision", Integer),
    Column("ended_by", Integer),
    Column("rejected", Text),
    sqlite_with_rowid=False,
)
"""Both lists, one row for each network and origin. ``expires_boot_ms`` is on the boot clock of
``meta.boot_id``; NULL: no end. A row of an import (``import_id`` not 0) has no revision of its own:
it is visible from the moment its import has a revision, until the import in ``ended_by`` has one.
"""

Index(
    "entries_ended",
    entries.c.ended_by,
    sqlite_where=entries.c.ended_by.is_not(None),
)
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
"""Number of networks of visible rows, by list and kind; expired rows count until they
are purged."""

origin_totals = Table(
    "origin_totals",
    metadata,
    Column("list", Integer, primary_key=True),
    Column("kind", Integer, primary_key=True),
    Column("origin", Text, primary_key=True),
    Column("count", Integer, nullable=False),
)
"""Number of rows by list, kind and origin, counted alike; without rows there is no line."""

imports = Table(
    "imports",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("list", Integer, nullable=False),
    Column("revision", Integer),
    Column("created_ms", Integer, nullable=False),
)
"""Imports and removals in bulk. ``revision`` NULL: still being staged, or left by a crash."""

import_skips = Table(
    "import_skips",
    metadata,
    Column("import_id", Integer, ForeignKey("imports.id"), primary_key=True),
    Column("key", LargeBinary, primary_key=True),
    Column("prefix_length", Integer, primary_key=True),
)
"""Networks of a bulk change that another write has changed since they were staged: the data plane
must skip them in the file."""

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
"""Revisions that are committed but may not be in the state log yet; ``line`` is their log line."""

policies = Table(
    "policies",
    metadata,
    Column("revision", Integer, primary_key=True),
    Column("document", JSON, nullable=False),
)
"""The newest row is the policy; no row: the default profile."""

overlays = Table(
    "overlays",
    metadata,
    Column("id", Text, primary_key=True),
    Column("document", JSON, nullable=False),
    Column("origin", Text, nullable=False),
    Column("incident", Text),
    Column("reason", Text),
    Column("duration_s", Integer, nullable=False),
    Column("created_ms", Integer, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("expires_boot_ms", Integer, nullable=False),
    Column("expires_utc_ms", Integer, nullable=False),
    Column("revision", Integer, nullable=False),
)
"""The overlays of the policy; their ends are stored as in ``entries``."""

rules = Table(
    "rules",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("name", Text),
    Column("pattern", Text, nullable=False),
    Column("pattern_bytes", Integer, nullable=False),
    Column("action", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("targets", JSON, nullable=False),
    Column("profiles", JSON, nullable=False),
    Column("enabled", Integer, nullable=False),
    Column("duration_s", Integer),
    Column("created_ms", Integer, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("expires_boot_ms", Integer),
    Column("expires_utc_ms", Integer),
    Column("revision", Integer, nullable=False),
    Column("rejected", Text),
    Column("group_name", Text),
    Column("origin", Text, nullable=False, server_default="manual"),
    Column("fleet_id", Integer),
    sqlite_autoincrement=True,
)
"""Rules of the WAF. A number is used once only, so an id always means the same rule. Ends are
stored as in ``entries``; ``revision`` is that of the last change; ``fleet_id`` is the fleet's
number of a rule with the origin ``fleet``."""

rules_staged = Table(
    "rules_staged",
    metadata,
    *(
        Column(one.name, one.type, primary_key=one.primary_key)
        for one in rules.c
        if one.name != "revision"
    ),
)
"""Rules of the import that is about to be committed, without a revision. Otherwise the table is
empty, or has rows of a crashed import, which the next import removes."""

Index("rules_by_revision", rules.c.revision, rules.c.pattern_bytes)
Index("rules_by_end", rules.c.expires_boot_ms, sqlite_where=rules.c.expires_boot_ms.is_not(None))
Index("rules_by_group", rules.c.group_name, sqlite_where=rules.c.group_name.is_not(None))
Index(
    "rules_by_fleet_id",
    rules.c.fleet_id,
    unique=True,
    sqlite_where=rules.c.fleet_id.is_not(None),
)
Index("rules_rejected", rules.c.rejected, sqlite_where=rules.c.rejected.is_not(None))

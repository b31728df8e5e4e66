"""Nodes and their enrolment tokens."""

from __future__ import annotations

import secrets

from sqlalchemy import JSON, Column, Float, Index, Integer, LargeBinary, MetaData, Table, Text, text

from api.storage.tables import INT64

metadata = MetaData()


def new_stamp() -> int:
    """A number that no row has had before, even if a row is deleted and inserted again."""
    return secrets.randbits(62)


nodes = Table(
    "nodes",
    metadata,
    Column("id", Text, primary_key=True),
    Column("uuid", Text, nullable=False),
    Column("key_sha256", LargeBinary, nullable=False, unique=True),
    Column("next_key_sha256", LargeBinary, unique=True),
    Column("address", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("labels", JSON, nullable=False),
    Column("rule_types", JSON, nullable=False),
    Column("registered_ms", INT64, nullable=False),
    Column("seen_ms", INT64),
    Column("mode", Text),
    Column("health", Text),
    Column("reasons", JSON, nullable=False),
    Column("load", Float),
    Column("stats", JSON, nullable=False),
    Column("applied", JSON, nullable=False),
    Column("boot_id", Text),
    Column("desired", Text, nullable=False),
    Column("change", INT64, nullable=False),
    Column("stats_before", JSON),
    Column("seen_before_ms", INT64),
    Column("status", Text),
    Column("clock_off_ms", INT64),
    Column("previous_boot_id", Text),
    Column("duplicate_ms", INT64),
    Column(
        "stamp",
        INT64,
        nullable=False,
        default=new_stamp,
        onupdate=new_stamp,
        server_default=text("0"),
    ),
)
"""``desired``: ``active`` or ``draining``. ``change``: the fleet's last change of this node's own
desired state. ``stats_before``, ``seen_before_ms``: from the heartbeat before the last. NULL until
the first heartbeat: seen_ms, mode, health, load, boot_id. ``status``: the last reported one.
``clock_off_ms``: the node's clock minus the database's. ``duplicate_ms``: when its heartbeats last
returned to an earlier boot. ``stamp``: replaced at each write of other columns than the figures, so
that a worker can detect that its copy of the row is outdated (`nodes.heartbeats`)."""

Index("nodes_seen", nodes.c.seen_ms)

deleted_nodes = Table(
    "deleted_nodes",
    metadata,
    Column("id", Text, primary_key=True),
    Column("key_sha256", LargeBinary, nullable=False),
    Column("deleted_ms", INT64, nullable=False),
)
"""Prevents that a deleted node enrols again by itself."""

enrolment_tokens = Table(
    "enrolment_tokens",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("sha256", LargeBinary, nullable=False, unique=True),
    Column("created_ms", INT64, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("expires_ms", INT64),
    Column("uses_max", Integer),
    Column("uses", Integer, nullable=False),
)
"""NULL: no end, no limit of uses."""

"""Attacks that the nodes have reported."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, Index, MetaData, Table, Text

from api.storage.tables import INT64

metadata = MetaData()

incidents = Table(
    "incidents",
    metadata,
    Column("node", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("type", Text, nullable=False),
    Column("target_kind", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("profile", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("is_active", Boolean, nullable=False),
    Column("started_ms", INT64, nullable=False),
    Column("last_ms", INT64, nullable=False),
    Column("version_ms", INT64, nullable=False),
    Column("spoofed", Boolean, nullable=False),
    Column("packets", INT64, nullable=False),
    Column("dropped", INT64, nullable=False),
    Column("peak_pps", INT64, nullable=False),
    Column("peak_bps", INT64, nullable=False),
    Column("distinct_sources", INT64, nullable=False),
    Column("sources", JSON, nullable=False),
)
"""``last_ms``: the end, or the last report of an active attack. ``version_ms``: the node's own
``updated_at``; all other times are corrected to the database's clock. ``sources``: the heaviest,
``[address, country, packets, error]`` each. The incidents of a deleted node are kept."""

Index("incidents_last", incidents.c.last_ms)
Index("incidents_of_node", incidents.c.node, incidents.c.last_ms)

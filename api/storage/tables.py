"""The table that every database has, and a type for columns that are alike in every database."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, MetaData, Table, Text

INT64 = BigInteger().with_variant(Integer, "sqlite")
"""SQLite's INTEGER has 64 bits (and its name makes a key count by itself); PostgreSQL's has 32."""

metadata = MetaData()

meta = Table(
    "meta",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
"""Single values. A migration puts ``database_id`` there: rewriting it shows that writes work."""

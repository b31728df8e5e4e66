"""The table that every database has, and an integer type that works in all databases."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, MetaData, Table, Text

INT64 = BigInteger().with_variant(Integer, "sqlite")
"""SQLite's INTEGER has 64 bits (and makes a key autoincrement); PostgreSQL's has 32."""

metadata = MetaData()

meta = Table(
    "meta",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
"""Single values. A migration stores ``database_id`` here; rewriting it tests that writes work."""

"""The fleet's rules of the WAF."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, Boolean, Column, Index, Integer, MetaData, Table, Text

from api.storage.tables import INT64

metadata = MetaData()


def _rule_columns() -> tuple[Column[Any], ...]:
    """The columns of a rule itself, in force or as a line of an import."""
    return (
        Column("name", Text),
        Column("group_name", Text),
        Column("pattern", Text, nullable=False),
        Column("pattern_bytes", Integer, nullable=False),
        Column("action", Text, nullable=False),
        Column("severity", Text, nullable=False),
        Column("targets", JSON, nullable=False),
        Column("profiles", JSON, nullable=False),
        Column("enabled", Boolean, nullable=False),
        Column("expires_ms", INT64),
    )


fleet_rules = Table(
    "fleet_rules",
    metadata,
    Column("number", INT64, primary_key=True),
    *_rule_columns(),
    Column("created_ms", INT64, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("change", INT64, nullable=False),
    sqlite_autoincrement=True,
)
"""A number is used once only. ``expires_ms`` NULL: no end. ``change``: the fleet's last change of
the row; the log of changes (`followed_log`) stores its number in eight bytes."""

Index("fleet_rules_by_change", fleet_rules.c.change)

fleet_rules_staged = Table(
    "fleet_rules_staged",
    metadata,
    Column("import_id", Text, primary_key=True),
    Column("line", Integer, primary_key=True, autoincrement=False),
    Column("staged_ms", INT64, nullable=False),
    *_rule_columns(),
)
"""Lines of imports that are not committed yet, or left by a crash."""

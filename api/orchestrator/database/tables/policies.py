"""Versions of the fleet's policy, and their deployments."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Float, Index, Integer, MetaData, Table, Text

from api.storage.tables import INT64

metadata = MetaData()

fleet_policies = Table(
    "fleet_policies",
    metadata,
    Column("number", INT64, primary_key=True),
    Column("name", Text, nullable=False),
    Column("document", JSON, nullable=False),
    Column("rule_types", JSON, nullable=False),
    Column("action", Text, nullable=False),
    Column("created_ms", INT64, nullable=False),
    Column("created_by", Text, nullable=False),
)
"""``rule_types``: the types that a node must support to apply the policy."""

deployments = Table(
    "deployments",
    metadata,
    Column("id", INT64, primary_key=True),
    Column("policy", INT64, nullable=False),
    Column("name", Text, nullable=False),
    Column("rule_types", JSON, nullable=False),
    Column("selector", Text, nullable=False),
    Column("strategy", Text, nullable=False),
    Column("accept_exempt", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("stands", Integer, nullable=False),
    Column("reason", Text),
    Column("canary", Text),
    Column("hold_seconds", Integer, nullable=False),
    Column("max_drop_ratio", Float, nullable=False),
    Column("confirm_within", Integer),
    Column("confirm_until_ms", INT64),
    Column("confirmed_by", Text),
    Column("created_ms", INT64, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("changed_ms", INT64, nullable=False),
    Column("ended_ms", INT64),
    Column("progress", JSON, nullable=False),
    Column("outcome", JSON),
    Column("step", Integer, nullable=False),
)
"""``stands``: 1 while the deployment can determine the policy of a node: it is not withdrawn, and
newer ones do not cover all of its nodes. ``progress``: what the canary's judge has recorded.
``outcome``: the nodes when it ended. ``step`` grows with every change of the row; each change names
the step that it has read."""

Index("deployments_by_state", deployments.c.state)
Index("deployments_that_stand", deployments.c.stands)

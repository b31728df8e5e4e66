"""Jobs that create and remove nodes, their nodes, and their logs."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Index, Integer, MetaData, Table, Text

from api.storage.tables import INT64

metadata = MetaData()

jobs = Table(
    "jobs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("action", Text, nullable=False),
    Column("count", Integer, nullable=False),
    Column("nodes", JSON, nullable=False),
    Column("state", Text, nullable=False),
    Column("open", Integer, unique=True),
    Column("cancelled_by", Text),
    Column("error", Text),
    Column("attempt", Integer, nullable=False),
    Column("owner", Text),
    Column("lease_ms", INT64),
    Column("created_ms", INT64, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("started_ms", INT64),
    Column("ended_ms", INT64),
)
"""``open``: 1 until the job has ended, then NULL, so that at most one job is open even with several
orchestrators. ``owner`` runs the job until ``lease_ms``, which it extends regularly; ``attempt``
counts owners. ``cancelled_by``: the key that has requested the end."""

Index("jobs_created", jobs.c.created_ms)

job_nodes = Table(
    "job_nodes",
    metadata,
    Column("id", Text, primary_key=True),
    Column("job", Text, nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("made_ms", INT64, nullable=False),
    Column("host", Text),
)
"""Nodes that jobs have created and that may still exist. ``state``: ``creating``, ``active``,
``draining`` (a job drains it) or ``removing``. ``host``: name of the host whose provisioner got the
request; NULL: made by an older release. The row is inserted before the request to the provider, and
deleted after the provider has destroyed the node."""

job_log = Table(
    "job_log",
    metadata,
    Column("id", INT64, primary_key=True),
    Column("job", Text, nullable=False),
    Column("at_ms", INT64, nullable=False),
    Column("message", Text, nullable=False),
    sqlite_autoincrement=True,
)
Index("job_log_job", job_log.c.job, job_log.c.id)

"""Alembic's entry: migrates on the engine that `api.orchestrator.database.upgrade` hands over."""

from __future__ import annotations

from alembic import context

from api.orchestrator.database.tables import METADATA

with context.config.attributes["engine"].connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=METADATA,
        render_as_batch=True,
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()

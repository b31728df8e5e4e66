"""Migrates a database in PostgreSQL to the newest schema.

Several workers of several orchestrators may start at once: one holds an advisory lock of the
session and migrates, the others wait and find the work done. No backup is made: that is the task of
the server's operator (docs/orchestrator.md).
"""

from __future__ import annotations

from sqlalchemy import Connection, Engine, create_engine, make_url, text
from sqlalchemy.pool import NullPool

from api.storage.migrations import Schema
from api.storage.postgresql.engine import CONNECT_S, WRITERS, place
from api.storage.postgresql.errors import DatabaseAwayError, translated
from dataplane.base.errors import ConfigurationError

MIGRATORS = WRITERS + 1
_VERSION = text("SELECT version_num FROM alembic_version")
_HAS_VERSION = text("SELECT to_regclass('alembic_version')")


def current(url: str) -> str | None:
    """The schema's revision; None: the database is empty."""
    engine = _make_engine(url)
    try:
        with translated(place(engine.url)), engine.connect() as connection:
            return _version(connection)
    finally:
        engine.dispose()


def upgrade(url: str, schema: Schema) -> None:
    """Migrate one step at a time up to the head; an up-to-date database is not changed."""
    engine = _make_engine(url)
    try:
        with translated(place(engine.url)), engine.connect() as holder:
            _require_utf8(holder)
            holder.execute(text(f"SELECT pg_advisory_lock({MIGRATORS})"))
            holder.commit()
            while _version(holder) != schema.head:
                holder.commit()
                schema.step(engine)
    finally:
        engine.dispose()


def error(url: str, number: int, why: str) -> DatabaseAwayError:
    """The error of a migration."""
    return DatabaseAwayError(place(make_url(url)), number, why)


def _make_engine(url: str) -> Engine:
    return create_engine(
        make_url(url).set(drivername="postgresql+psycopg"),
        poolclass=NullPool,
        connect_args={"connect_timeout": CONNECT_S, "client_encoding": "utf8"},
    )


def _version(connection: Connection) -> str | None:
    if connection.execute(_HAS_VERSION).scalar() is None:
        return None
    found = connection.execute(_VERSION).scalar()
    return None if found is None else str(found)


def _require_utf8(connection: Connection) -> None:
    encoding = connection.execute(text("SHOW server_encoding")).scalar_one()
    if encoding != "UTF8":
        raise ConfigurationError(f"{place(connection.engine.url)}: encoding {encoding}, not UTF8")

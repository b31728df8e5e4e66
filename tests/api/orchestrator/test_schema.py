"""The fleet's migrations make the tables that queries are written against, on both databases."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import inspect

from api.orchestrator.database import upgrade
from api.orchestrator.database.tables import METADATA
from dataplane.base.errors import ConfigurationError
from tests.support.documents.schema import shape
from tests.support.servers.postgres import Postgres


def test_head_is_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(upgrade.__file__).parent / "migrations"))
    assert ScriptDirectory.from_config(config).get_heads() == [upgrade.HEAD]


def test_migrations_make_the_tables_in_sqlite(tmp_path: Path) -> None:
    path = tmp_path / "fleet.db"
    upgrade.migrate(f"sqlite:///{path}")
    with closing(sqlite3.connect(path)) as connection:
        made = shape(connection)
    with closing(sqlite3.connect(":memory:")) as connection:
        _create(sqlalchemy.create_engine("sqlite://", creator=lambda: connection))
        wanted = shape(connection)
    made.pop("alembic_version")
    for name, columns in wanted.items():
        assert _unordered(made[name]) == _unordered(columns), name
    assert made.keys() == wanted.keys()


def test_migrations_make_the_tables_in_postgresql(postgres: Postgres) -> None:
    migrated, created = postgres.make_database(upgrade.migrate), postgres.url("created")
    postgres.execute("CREATE DATABASE created")
    engine = sqlalchemy.create_engine(_driven(created))
    _create(engine)
    engine.dispose()
    made, wanted = _columns(migrated), _columns(created)
    made.pop("alembic_version")
    assert made == wanted
    postgres.drop_database(migrated)
    postgres.drop_database(created)


def test_a_postgresql_database_of_a_newer_release_is_refused(postgres: Postgres) -> None:
    url = postgres.make_database(upgrade.migrate)
    engine = sqlalchemy.create_engine(_driven(url))
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text("UPDATE alembic_version SET version_num = '9998'"))
    engine.dispose()
    with pytest.raises(ConfigurationError, match="the database has schema 9998 of a newer"):
        upgrade.migrate(url)
    postgres.drop_database(url)


def _create(engine: sqlalchemy.Engine) -> None:
    for each in METADATA:
        each.create_all(engine)


def _unordered(columns: Any) -> list[Any]:
    """A column that a later migration has added stands last."""
    return sorted((column[1:] for column in columns), key=repr)


def _columns(url: str) -> dict[str, Any]:
    """Names, types and NULL of every column, and the names of indices."""
    engine = sqlalchemy.create_engine(_driven(url))
    found = {}
    for name in inspect(engine).get_table_names():
        columns = inspect(engine).get_columns(name)
        indices = {each["name"] for each in inspect(engine).get_indexes(name)}
        kept = sorted((each["name"], str(each["type"]), each["nullable"]) for each in columns)
        found[name] = kept, indices
    engine.dispose()
    return found


def _driven(url: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg://")

"""The schema of events.db and its migrations."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import sqlalchemy
from alembic.config import Config
from alembic.script import ScriptDirectory

from api.history import tables, upgrade
from api.storage.sqlite.upgrade import current
from tests.support.documents.schema import shape


def test_head_is_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(upgrade.__file__).parent / "migrations"))
    assert ScriptDirectory.from_config(config).get_heads() == [upgrade.HEAD]


def test_the_migrations_make_the_tables_that_queries_are_written_against(tmp_path: Path) -> None:
    path = tmp_path / "events.db"
    upgrade.migrate(path)
    assert current(path) == upgrade.HEAD
    with closing(sqlite3.connect(path)) as connection:
        made = shape(connection)
    with closing(sqlite3.connect(":memory:")) as connection:
        engine = sqlalchemy.create_engine("sqlite://", creator=lambda: connection)
        for each in tables.METADATA:
            each.create_all(engine)
        wanted = shape(connection)
    made.pop("alembic_version")
    assert made == wanted

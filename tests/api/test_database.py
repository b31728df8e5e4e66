"""The schema, its migrations and the backups before them."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy
from alembic.config import Config
from alembic.script import ScriptDirectory

from api.management.compose import migrate
from api.management.database import Database, tables, upgrade
from dataplane.errors import ConfigurationError


def test_head_is_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(upgrade.__file__).parent / "migrations"))
    assert ScriptDirectory.from_config(config).get_heads() == [upgrade.HEAD]


def test_the_migrations_make_the_tables_that_queries_are_written_against(schema: Path) -> None:
    with closing(sqlite3.connect(schema)) as connection:
        made = _shape(connection)
    with closing(sqlite3.connect(":memory:")) as connection:
        engine = sqlalchemy.create_engine("sqlite://", creator=lambda: connection)
        tables.metadata.create_all(engine)
        wanted = _shape(connection)
    made.pop("alembic_version")
    assert made == wanted


def test_every_connection_has_wal_full_synchronous_and_foreign_keys(schema: Path) -> None:
    database = Database(schema)
    try:
        with database.read() as connection:
            values = [
                connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
            ]
    finally:
        database.close()
    assert values == ["wal", 2, 1, 5000]


def test_a_new_database_is_migrated_by_a_process_of_its_own_without_backup(tmp_path: Path) -> None:
    path = tmp_path / "node.db"
    migrate(path)
    assert upgrade.current(path) == upgrade.HEAD
    assert [each.name for each in tmp_path.iterdir() if "before" in each.name] == []


def test_every_new_database_has_an_identity_of_its_own(tmp_path: Path, schema: Path) -> None:
    path = tmp_path / "node.db"
    upgrade.upgrade(path)
    query = "SELECT value FROM meta WHERE name = 'database_id'"
    with closing(sqlite3.connect(path)) as one, closing(sqlite3.connect(schema)) as other:
        assert one.execute(query).fetchone() != other.execute(query).fetchone()


def test_a_backup_is_complete_and_the_newest_five_are_kept(tmp_path: Path, schema: Path) -> None:
    path = tmp_path / "node.db"
    shutil.copy(schema, path)
    (tmp_path / "node.db.before-0001.0001.tmp").write_text("cut by a crash")
    made = [upgrade.back_up(path, "0001") for _ in range(7)]
    kept = sorted(each for each in tmp_path.glob("node.db.before-*") if each.suffix != ".tmp")
    assert kept == made[2:]
    assert kept[0].stat().st_mode & 0o777 == 0o600
    assert upgrade.current(kept[0]) == "0001"


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "node.db"
    path.write_bytes(b"not a database" * 100)
    with pytest.raises((ConfigurationError, sqlite3.DatabaseError)):
        migrate(path)
    assert path.read_bytes() == b"not a database" * 100


def _shape(connection: sqlite3.Connection) -> dict[str, object]:
    """Columns and indices of every table, as SQLite sees them."""
    query = "SELECT name, type FROM sqlite_master WHERE type IN ('table', 'index')"
    shape: dict[str, object] = {}
    for name, kind in connection.execute(query).fetchall():
        if name.startswith("sqlite_"):
            continue
        pragma = "table_xinfo" if kind == "table" else "index_xinfo"
        shape[name] = connection.execute(f"PRAGMA {pragma}({name})").fetchall()
    return shape

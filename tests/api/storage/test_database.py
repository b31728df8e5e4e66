"""The schema, its migrations and the backups before them."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy
from alembic.config import Config
from alembic.script import ScriptDirectory

from api.history.upgrade import migrate as migrate_events
from api.management.database import tables, upgrade
from api.management.database.upgrade import migrate
from api.orchestrator.database.upgrade import migrate as migrate_fleet
from api.storage.sqlite import Database
from api.storage.sqlite.upgrade import back_up, current
from dataplane.base.errors import ConfigurationError
from tests.support.documents.schema import shape


def test_head_is_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(upgrade.__file__).parent / "migrations"))
    assert ScriptDirectory.from_config(config).get_heads() == [upgrade.HEAD]


def test_the_migrations_make_the_tables_that_queries_are_written_against(schema: Path) -> None:
    with closing(sqlite3.connect(schema)) as connection:
        made = shape(connection)
    with closing(sqlite3.connect(":memory:")) as connection:
        engine = sqlalchemy.create_engine("sqlite://", creator=lambda: connection)
        for each in tables.METADATA:
            each.create_all(engine)
        wanted = shape(connection)
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
    assert current(path) == upgrade.HEAD
    assert [each.name for each in tmp_path.iterdir() if "before" in each.name] == []


def test_every_new_database_has_an_identity_of_its_own(tmp_path: Path, schema: Path) -> None:
    path = tmp_path / "node.db"
    upgrade.upgrade(path)
    query = "SELECT value FROM meta WHERE name = 'database_id'"
    with closing(sqlite3.connect(path)) as one, closing(sqlite3.connect(schema)) as other:
        assert one.execute(query).fetchone() != other.execute(query).fetchone()


def at_revision(revision: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new database as an older version has made it."""
    with monkeypatch.context() as patch:
        patch.setattr(upgrade, "HEAD", revision)
        upgrade.upgrade(path)


def test_entries_of_the_version_before_origins_become_manual(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "node.db"
    at_revision("0001", path, monkeypatch)
    key = bytes(10) + b"\xff\xff\xc0\x00\x02"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("INSERT INTO imports VALUES (7, 0, 2, 1000)")
        connection.execute("INSERT INTO imports VALUES (8, 0, NULL, 1000)")
        add = "INSERT INTO entries VALUES (?, ?, 128, 'r', 60, 5, 'k', 70, 80, ?, ?, ?)"
        connection.execute(add, (0, key + b"\x01", 1, None, "full"))
        connection.execute(add, (0, key + b"\x02", None, 7, None))
        connection.execute(add, (0, key + b"\x03", None, 8, None))
        connection.execute(add, (1, key + b"\x04", 3, None, None))
        connection.execute("INSERT INTO totals VALUES (0, 0, 2), (1, 0, 1), (0, 1, 0)")
        connection.commit()
    migrate(path)
    assert current(path) == upgrade.HEAD
    (backup,) = tmp_path.glob("node.db.before-*")  # however many steps there are
    assert current(backup) == "0001"
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute(
            "SELECT key, origin, import_id, revision, ended_by, rejected, expires_utc_ms"
            " FROM entries"
        ).fetchall()
        totals = connection.execute("SELECT * FROM origin_totals").fetchall()
        indices = connection.execute("PRAGMA index_list(entries)").fetchall()
    assert found == [
        (key + b"\x01", "manual", 0, 1, None, "full", 80),
        (key + b"\x02", "manual", 7, None, None, None, 80),
        (key + b"\x03", "manual", 8, None, None, None, 80),
        (key + b"\x04", "manual", 0, 3, None, None, 80),
    ]
    assert totals == [(0, 0, "manual", 2), (1, 0, "manual", 1)]
    assert len(indices) == 4


def test_a_backup_is_complete_and_the_newest_five_are_kept(tmp_path: Path, schema: Path) -> None:
    path = tmp_path / "node.db"
    shutil.copy(schema, path)
    (tmp_path / "node.db.before-0001.0001.tmp").write_text("cut by a crash")
    made = [back_up(path, "0001") for _ in range(7)]
    kept = sorted(each for each in tmp_path.glob("node.db.before-*") if each.suffix != ".tmp")
    assert kept == made[2:]
    assert kept[0].stat().st_mode & 0o777 == 0o600
    assert current(kept[0]) == upgrade.HEAD


@pytest.mark.parametrize(
    "migrate",
    [migrate, migrate_events, lambda path: migrate_fleet(f"sqlite:///{path}")],
    ids=["node.db", "events.db", "fleet.db"],
)
def test_a_database_of_a_newer_release_is_refused_and_costs_no_backup(
    tmp_path: Path, migrate: Callable[[Path], None]
) -> None:
    """Each start would replace one of the five, until that of the newer release is gone."""
    path = tmp_path / "newer.db"
    migrate(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9998'")
        connection.commit()
    before = path.read_bytes()
    with pytest.raises(ConfigurationError, match=f"{path} has schema 9998 of a newer release"):
        migrate(path)
    assert path.read_bytes() == before
    assert list(tmp_path.glob("newer.db.before-*")) == []


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "node.db"
    path.write_bytes(b"not a database" * 100)
    with pytest.raises((ConfigurationError, sqlite3.DatabaseError)):
        migrate(path)
    assert path.read_bytes() == b"not a database" * 100

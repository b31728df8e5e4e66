"""PostgreSQL as a `Database`: who waits for whom, and which errors are the database's."""

from __future__ import annotations

import errno
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import psycopg
import pytest
from sqlalchemy import Connection, insert, select, text, update
from sqlalchemy.exc import IntegrityError, ProgrammingError

from api.common.disk import StorageError
from api.orchestrator.database.upgrade import HEAD, migrate
from api.storage.postgresql import Database
from api.storage.postgresql.errors import DatabaseAwayError, DatabaseBusyError, database_error
from api.storage.postgresql.upgrade import current
from api.storage.tables import meta
from api.storage.trouble import Storage
from dataplane.base.errors import ConfigurationError
from tests.support.servers.postgres import Postgres

BOUND_S = 30
A = meta.c.name == "a"


@pytest.fixture
def url(postgres: Postgres) -> Iterator[str]:
    made = postgres.make_database(migrate)
    yield made
    postgres.drop_database(made)


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    opened = Database(url)
    with opened.write() as connection:
        connection.execute(insert(meta).values(name="a", value="1"))
    yield opened
    opened.close()


def value(connection: Connection) -> str:
    return str(connection.execute(select(meta.c.value).where(A)).scalar_one())


def test_what_a_writer_has_read_stays_so_until_it_ends(database: Database, url: str) -> None:
    """Two workers add one each, by reading first: neither is lost."""
    other = Database(url)

    def add(one: Database) -> None:
        for _ in range(20):
            with one.write() as connection:
                sum_ = int(value(connection)) + 1
                connection.execute(update(meta).where(A).values(value=str(sum_)))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, [database, other, database, other]))
    other.close()
    with database.read() as connection:
        assert value(connection) == "81"


def test_a_shared_writer_does_not_wait_for_one_that_is_not(database: Database) -> None:
    with database.write(), database.write(shared=True) as connection:
        connection.execute(update(meta).where(A).values(value="2"))


def test_a_reader_sees_one_state_and_cannot_write(database: Database) -> None:
    with database.read() as connection:
        assert value(connection) == "1"
        with database.write() as writing:
            writing.execute(update(meta).where(A).values(value="2"))
        assert value(connection) == "1"
    with pytest.raises(StorageError), database.read() as connection:
        connection.execute(update(meta).where(A).values(value="3"))


def test_a_block_that_raises_changes_nothing(database: Database) -> None:
    def die() -> None:
        with database.write() as connection:
            connection.execute(update(meta).where(A).values(value="2"))
            raise InterruptedError

    with pytest.raises(InterruptedError):
        die()
    with database.read() as connection:
        assert value(connection) == "1"


def test_what_is_wrong_with_a_statement_is_not_the_database_s(database: Database) -> None:
    with pytest.raises(IntegrityError), database.write() as connection:
        connection.execute(insert(meta).values(name="a", value="again"))
    with pytest.raises(ProgrammingError), database.read() as connection:
        connection.execute(text("SELECT nothing FROM nowhere"))


def test_two_that_wait_for_one_another_are_told_to_try_again(database: Database) -> None:
    with database.write() as connection:
        connection.execute(insert(meta).values(name="b", value="1"))
    both = [Event(), Event()]

    def change(first: str, second: str, number: int) -> bool:
        try:
            with database.write(shared=True) as connection:
                connection.execute(update(meta).where(meta.c.name == first).values(value="2"))
                both[number].set()
                assert both[1 - number].wait(BOUND_S)
                connection.execute(update(meta).where(meta.c.name == second).values(value="2"))
        except DatabaseBusyError:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(change, "ab", "ba", (0, 1)))
    assert sorted(done) == [False, True]


def test_a_server_that_was_restarted_is_used_again_at_once(
    database: Database, own_postgres: Postgres
) -> None:
    away = Database(own_postgres.make_database(migrate))
    told: list[StorageError] = []
    away.on_error = told.append
    away.check_writable()
    own_postgres.stop("immediate")
    with pytest.raises(DatabaseAwayError) as raised:
        away.check_writable()
    assert raised.value.retry_after_s == 2
    assert told == [raised.value]
    own_postgres.start()
    away.check_writable()
    away.close()


def test_no_message_has_the_password() -> None:
    away = Database("postgresql://fleet:hidden@127.0.0.1:1/fleet?connect_timeout=1")
    with pytest.raises(DatabaseAwayError) as raised:
        away.check_writable()
    assert away.place == "postgresql://127.0.0.1/fleet"
    assert "hidden" not in str(raised.value)


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        ("40001", DatabaseBusyError),
        ("55P03", DatabaseBusyError),
        ("57014", DatabaseBusyError),
        ("57P01", DatabaseAwayError),
        ("57P03", DatabaseAwayError),
        ("08006", DatabaseAwayError),
        ("53100", DatabaseAwayError),
        ("25006", DatabaseAwayError),
        ("23505", None),
        ("42P01", None),
    ],
)
def test_what_a_code_of_postgresql_means(state: str, kind: type | None) -> None:
    error = psycopg.errors.lookup(state)("it failed")
    found = database_error(error, "postgresql://h/d")
    assert kind is None if found is None else type(found) is kind


def test_of_four_that_migrate_at_once_one_does(postgres: Postgres) -> None:
    postgres.execute("CREATE DATABASE empty")
    url = postgres.url("empty")
    command = [sys.executable, "-m", "api.orchestrator.database.upgrade"]
    running = [subprocess.Popen(command, stdin=subprocess.PIPE) for _ in range(4)]
    for each in running:
        assert each.stdin is not None
        each.stdin.write(url.encode())
        each.stdin.close()
    assert [each.wait(120) for each in running] == [0, 0, 0, 0]
    assert current(url) == HEAD
    migrate(url)
    postgres.drop_database(url)


def test_a_database_that_is_not_there_is_said_by_its_name(postgres: Postgres) -> None:
    with pytest.raises(DatabaseAwayError, match="nowhere"):
        migrate(postgres.url("nowhere"))


def test_another_encoding_is_refused(postgres: Postgres) -> None:
    postgres.execute("CREATE DATABASE old ENCODING 'SQL_ASCII' TEMPLATE template0")
    with pytest.raises(ConfigurationError, match="SQL_ASCII, not UTF8"):
        migrate(postgres.url("old"))
    postgres.drop_database(postgres.url("old"))


def test_who_has_given_way_stops_nobody_else_and_a_database_that_is_away_does(
    tmp_path: Path,
) -> None:
    place = "postgresql://h/d"
    storage = Storage([tmp_path], lambda: None, places=[place])
    storage.failed(DatabaseBusyError(place, errno.EBUSY, "deadlock detected"))
    storage.check()
    storage.failed(DatabaseAwayError(place, errno.ECONNREFUSED, "it has gone"))
    with pytest.raises(DatabaseAwayError):
        storage.check()
    storage.turn()
    storage.check()

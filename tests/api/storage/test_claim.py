"""A row that one worker works on is no other's: by row locks, or because nobody else writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, Text, insert, select, update
from sqlalchemy import create_engine as make_plain_engine

from api.orchestrator.database.upgrade import migrate
from api.storage.database import OpenDatabase
from api.storage.opening import open_database
from api.storage.statements.claim import claim
from tests.support.servers.postgres import Postgres

metadata = MetaData()
jobs = Table(
    "rows_to_claim",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("state", Text, nullable=False),
)
WAITING = select(jobs).where(jobs.c.state == "waiting").order_by(jobs.c.id).limit(2)
BOUND_S = 30


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[OpenDatabase]:
    yield from _with_jobs(f"sqlite:///{tmp_path / 'jobs.db'}")


@pytest.fixture
def postgresql(postgres: Postgres) -> Iterator[OpenDatabase]:
    url = postgres.make_database(migrate)
    yield from _with_jobs(url)
    postgres.drop_database(url)


def _with_jobs(url: str) -> Iterator[OpenDatabase]:
    engine = make_plain_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    metadata.drop_all(engine)
    metadata.create_all(engine)
    engine.dispose()
    database = open_database(url)
    with database.write() as connection:
        connection.execute(insert(jobs), [{"id": n, "state": "waiting"} for n in range(4)])
    yield database
    database.close()


def take(database: OpenDatabase, before_end: Callable[[], object] = lambda: None) -> list[int]:
    """What a worker does: claim, mark as taken, and have it until the transaction ends."""
    with database.write(shared=True) as connection:
        found = [row.id for row in claim(connection, WAITING)]
        taken = update(jobs).where(jobs.c.id.in_(found)).values(state="taken")
        connection.execute(taken)
        before_end()
    return found


def test_on_postgresql_a_second_worker_gets_the_next_rows_at_once(
    postgresql: OpenDatabase,
) -> None:
    others: list[list[int]] = []
    assert take(postgresql, lambda: others.append(take(postgresql))) == [0, 1]
    assert others == [[2, 3]]


def test_on_sqlite_a_second_worker_waits_and_gets_what_the_first_has_left(
    sqlite: OpenDatabase,
) -> None:
    claimed, began = Event(), Event()

    def hold() -> None:
        claimed.set()
        assert began.wait(BOUND_S)

    def second() -> list[int]:
        began.set()
        return take(sqlite)

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(take, sqlite, hold)
        assert claimed.wait(BOUND_S)
        other = pool.submit(second)
        assert first.result(BOUND_S) == [0, 1]
        assert other.result(BOUND_S) == [2, 3]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_eight_workers_at_once_have_no_row_in_common(
    kind: str, request: pytest.FixtureRequest
) -> None:
    database: Any = request.getfixturevalue(kind)
    with ThreadPoolExecutor(8) as pool:
        found = [row for rows in pool.map(lambda _: take(database), range(8)) for row in rows]
    assert sorted(found) == [0, 1, 2, 3]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_what_a_worker_that_dies_had_claimed_is_free_again(
    kind: str, request: pytest.FixtureRequest
) -> None:
    database: Any = request.getfixturevalue(kind)

    def die() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        take(database, die)
    assert take(database) == [0, 1]

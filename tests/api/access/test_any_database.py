"""Access on a database that is not the node's, through transactions alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, create_engine, create_mock_engine, func, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from api.access import tables
from api.access.audit import service as audit
from api.access.keys.service import EnvironmentKey, Keys
from api.access.receipts import KEPT_MS, Receipts
from api.common.contract.errors import ConflictError
from api.common.contract.operations import Answer, Call, Operation
from api.common.contract.roles import Principal, Role
from api.storage import tables as storage
from api.storage.statements.upsert import upsert
from tests.support.clock import FakeClock

ADMIN = Principal("id", "name", Role.ADMIN, "192.0.2.1")


class Transactions:
    """The least that is an `api.storage.database.Database`."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        storage.metadata.create_all(engine)
        tables.metadata.create_all(engine)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        with self.engine.connect() as connection:
            yield connection

    peek = read

    @contextmanager
    def write(self, **_kind: bool) -> Iterator[Connection]:
        with self.engine.begin() as connection:
            yield connection


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Transactions]:
    engine = create_engine(f"sqlite:///{tmp_path}/fleet.db")
    yield Transactions(engine)
    engine.dispose()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def test_keys_are_made_found_and_removed(
    database: Transactions, clock: FakeClock, tmp_path: Path
) -> None:
    keys = Keys(database, clock, EnvironmentKey("FLEET_KEY", "text"))
    keys.make_first({tmp_path / "keys" / "first.key": Role.ADMIN})
    actor = audit.system("test")
    made, text = keys.make(actor, "second", Role.READ, None)
    found = keys.authenticate(text, "192.0.2.1")
    assert found == Principal(made.id, "second", Role.READ, "192.0.2.1")
    keys.remove(actor, made.id)
    assert keys.authenticate(text, "192.0.2.1") is None
    environment = keys.authenticate("text", "192.0.2.1")
    assert environment is not None
    assert environment.name == "FLEET_KEY"
    assert [path.name for path in (tmp_path / "keys").iterdir()] == ["first.key"]
    with pytest.raises(ConflictError, match="FLEET_KEY"):
        keys.make(actor, "FLEET_KEY", Role.READ, None)
    rows, total, _ = audit.page(database, 2, None, audit.Only())
    assert ([row.action for row in rows], total) == (["key.remove", "key.make"], 3)


def test_the_audit_trail_is_purged(database: Transactions, clock: FakeClock) -> None:
    with database.write() as connection:
        audit.record(connection, audit.system("test"), "old", "", clock.utc_ms())
        later_ms = clock.utc_ms() + (audit.DAYS_MAX + 1) * 86_400_000
        audit.record(connection, audit.system("test"), "new", "", later_ms)
    assert audit.purge(database, later_ms) == 1
    assert [row.action for row in audit.page(database, 5, None, audit.Only())[0]] == ["new"]


def test_the_trail_is_filtered_in_both_databases(database: Transactions, clock: FakeClock) -> None:
    now_ms, told = clock.utc_ms(), audit.Difference({"name": "Old_100%"}, {"name": "new"})
    with database.write() as connection:
        actor = audit.system("test")
        audit.record(connection, actor, "policy.put", "shop", now_ms, difference=told)
        audit.record(connection, actor, "policy_like", "bank", now_ms + 10)
    found = {
        "action": audit.Only(action="policy"),
        "target": audit.Only(text="SHO"),
        "before": audit.Only(text="old_100%"),
        "until": audit.Only(until_ms=now_ms + 10),
    }
    for only in found.values():
        rows, total, _ = audit.page(database, 5, None, only)
        assert ([row.target for row in rows], total) == (["shop"], 1)
        assert (rows[0].before, rows[0].after) == ({"name": "Old_100%"}, {"name": "new"})
    rows, total, following = audit.page(database, 1, None, audit.Only(), oldest_first=True)
    assert ([row.target for row in rows], total) == (["shop"], 2)
    rows, _, _ = audit.page(database, 1, following, audit.Only(), oldest_first=True)
    assert [(row.target, row.before) for row in rows] == [("bank", None)]
    assert audit.page(database, 5, None, audit.Only(text="oldx100%"))[1] == 0


@pytest.mark.parametrize(
    ("text", "count"),
    [("MüLLER", 1), ("müller", 1), ("MÜLLER", 0), ('say "', 1), ("SHÖP", 0), ("sHöP", 1)],
)
def test_text_is_found_whatever_the_case_of_its_ascii_letters_and_of_no_others(
    database: Transactions, clock: FakeClock, text: str, count: int
) -> None:
    told = audit.Difference({"reason": 'Müller say "hi"'}, None)
    with database.write() as connection:
        now_ms = clock.utc_ms()
        audit.record(connection, audit.system("t"), "put", "Shöp", now_ms, difference=told)
    assert audit.page(database, 5, None, audit.Only(text=text))[1] == count


def call_of(handler: Any, fingerprint: bytes = b"1") -> Call:
    operation = Operation("POST", "/things", handler, "", Role.ADMIN, {201: None}, idempotent=True)
    return Call(operation, ADMIN, "r", {}, None, None, fingerprint, "order-1")


def test_a_receipt_is_written_with_the_change_replaced_and_repeated(
    database: Transactions, clock: FakeClock
) -> None:
    receipts, done = Receipts(database, clock), []

    def handler(call: Call) -> Answer:
        on_commit = call.remember(
            lambda _result, _revision: Answer(202, None, {"X-Which": "early"})
        )
        with database.write() as connection:
            on_commit(connection, None, 1)
        done.append(call)
        return Answer(201, None, {"X-Which": "final"})

    receipts.once(call_of(handler))
    again: Any = receipts.once(call_of(handler))
    assert (len(done), again.status_code, again.headers["X-Which"]) == (1, 201, "final")
    clock.pass_ms(KEPT_MS + 1)
    receipts.purge()
    with database.read() as connection:
        count = select(func.count()).select_from(tables.idempotency)
        assert connection.execute(count).scalar_one() == 0


def test_of_twins_on_two_workers_one_makes_the_change(
    database: Transactions, clock: FakeClock
) -> None:
    """The second finds the receipt of the first in its own transaction, and is undone."""
    one, other, done = Receipts(database, clock), Receipts(database, clock), []

    def make(call: Call) -> Answer:
        on_commit = call.remember(lambda _result, _revision: Answer(201, None))
        with database.write() as connection:
            on_commit(connection, None, 1)
            audit.record(connection, audit.system("test"), "made", "", clock.utc_ms())
        done.append(call)
        return Answer(201, None)

    def late(call: Call) -> Answer:
        one.once(call_of(make))
        return make(call)

    with pytest.raises(ConflictError) as raised:
        other.once(call_of(late))
    assert raised.value.retry_after_s == 1
    assert len(done) == 1
    assert audit.page(database, 5, None, audit.Only())[1] == 1
    again: Any = other.once(call_of(late))
    assert again.status_code == 201


def test_an_upsert_of_postgresql_names_the_key_and_the_new_values() -> None:
    said: list[str] = []

    def execute(statement: Any, *_: Any) -> None:
        said.append(" ".join(str(statement.compile(dialect=engine.dialect)).split()))

    engine = create_mock_engine("postgresql+psycopg://", execute)
    upsert(engine.connect(), storage.meta, {"name": "x"}, {"value": "1"})  # type: ignore[arg-type]
    assert said[0].partition(" ON ")[2].startswith("CONFLICT (name) DO UPDATE SET value = ")


def test_an_upsert_refuses_a_dialect_it_does_not_know() -> None:
    engine = create_mock_engine("mysql://", lambda *_: None)
    with pytest.raises(NotImplementedError, match="mysql"):
        upsert(engine.connect(), storage.meta, {"name": "x"}, {"value": "1"})  # type: ignore[arg-type]


@pytest.mark.parametrize("table", tables.metadata.sorted_tables, ids=str)
def test_times_and_numbers_that_grow_have_64_bits_in_postgresql(table: Any) -> None:
    small = {
        column.name
        for column in table.columns
        if column.type.compile(postgresql.dialect()) == "INTEGER"
    }
    assert small <= {"status"}
    assert "AUTOINCREMENT" not in str(CreateTable(table).compile(dialect=postgresql.dialect()))

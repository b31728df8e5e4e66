"""Keys that one worker remembers and another revokes, without a clock of the wall's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import event

from api.access.audit import service as audit
from api.access.keys.freshness import FRESH_S, Freshness
from api.access.keys.service import EnvironmentKey, Keys
from api.common.contract.roles import Role
from api.orchestrator.database.tables.nodes import enrolment_tokens, nodes
from api.orchestrator.nodes.identity import KNOWN_S, FleetKeys, digest
from tests.support.clock import FakeClock

from .test_any_database import Transactions, create_engine

SOURCE = "192.0.2.1"
NODE_KEY = "the key of a node"


@dataclass
class Worker:
    """One of several on a database; time goes by when the test says so."""

    database: Transactions
    clock: FakeClock
    now_s: float = 100.0
    keys: Keys = field(init=False)
    fleet: FleetKeys = field(init=False)

    def __post_init__(self) -> None:
        freshness = Freshness(self.database, lambda: self.now_s)
        self.keys = Keys(self.database, self.clock, EnvironmentKey("KEY", None), freshness)
        self.fleet = FleetKeys(self.keys, self.database, self.clock, freshness, lambda: self.now_s)

    def admits(self, text: str) -> bool:
        return self.fleet.authenticate(text, SOURCE) is not None


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Transactions]:
    engine = create_engine(f"sqlite:///{tmp_path}/fleet.db")
    yield Transactions(engine)
    engine.dispose()


@pytest.fixture
def workers(database: Transactions) -> list[Worker]:
    clock = FakeClock()
    nodes.metadata.create_all(database.engine)
    return [Worker(database, clock), Worker(database, clock)]


def add_node(database: Transactions, **more: object) -> None:
    values = {
        "id": "node-1", "uuid": "u", "address": "a", "version": "1", "labels": {},
        "rule_types": [], "registered_ms": 1, "reasons": [], "stats": {}, "applied": {},
        "desired": "active", "change": 1, "key_sha256": digest(NODE_KEY),
    }  # fmt: skip
    with database.write() as connection:
        connection.execute(nodes.insert().values(values | more))


def test_a_key_opens_at_once_where_it_was_not_made_and_nothing_soon_after_it_is_removed(
    workers: list[Worker],
) -> None:
    one, other = workers
    made, text = one.keys.make(audit.system("test"), "k", Role.READ, None)
    assert other.admits(text)
    one.keys.remove(audit.system("test"), made.id)
    assert not one.admits(text)
    other.now_s += FRESH_S
    assert not other.admits(text)
    assert not other.keys.is_valid(made.id)


def test_a_second_is_more_than_it_takes_to_forget_a_key() -> None:
    assert FRESH_S <= 0.5


def test_a_node_that_asks_each_second_is_looked_up_twice_a_minute(
    workers: list[Worker], database: Transactions
) -> None:
    add_node(database)
    statements: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *a: statements.append(a[2]))
    for _ in range(60):
        workers[0].now_s += 1.0
        assert workers[0].admits(NODE_KEY)
    about_nodes = [each for each in statements if "FROM nodes" in each]
    assert len(about_nodes) == 60 / KNOWN_S
    about_keys = [each for each in statements if "FROM api_keys" in each]
    assert len(about_keys) <= 1 + len(about_nodes)


def test_within_half_a_second_nothing_is_looked_up(
    workers: list[Worker], database: Transactions
) -> None:
    add_node(database)
    assert workers[0].admits(NODE_KEY)
    statements: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *a: statements.append(a[2]))
    assert all(workers[0].admits(NODE_KEY) for _ in range(100))
    assert statements == []


def test_the_next_key_of_a_node_ends_the_one_before_when_it_is_first_used(
    workers: list[Worker], database: Transactions
) -> None:
    add_node(database, next_key_sha256=digest("the next key"))
    one, other = workers
    assert one.admits(NODE_KEY)
    assert other.admits("the next key")
    one.now_s += FRESH_S
    assert not one.admits(NODE_KEY)
    assert one.admits("the next key")


def test_a_token_ends_when_it_expires_though_it_is_remembered(
    workers: list[Worker], database: Transactions
) -> None:
    one = workers[0]
    with database.write() as connection:
        connection.execute(
            enrolment_tokens.insert().values(
                id="t", name="t", sha256=digest("token"), created_ms=0, created_by="x",
                expires_ms=one.clock.utc_ms() + 1000, uses=0,
            )
        )  # fmt: skip
    assert one.admits("token")
    one.clock.pass_ms(1000)
    assert not one.admits("token")

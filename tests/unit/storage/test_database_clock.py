"""The database's clock, asked once a second and carried on by a clock that nobody sets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from api.storage.clock import ASK_S, STALE_S, DatabaseClock, utc_ms_at_hand
from tests.support.clock import FakeClock


class Server:
    """A database that knows nothing but the time; a question takes 20 ms."""

    def __init__(self) -> None:
        self.now_ms, self.monotonic_s, self.asked = 5_000_000, 100.0, 0

    @contextmanager
    def peek(self) -> Iterator[Any]:
        yield self

    def execute(self, _query: object) -> Any:
        self.asked += 1
        self.pass_ms(10)
        return self

    def scalar_one(self) -> int:
        now_ms = self.now_ms
        self.pass_ms(10)
        return now_ms

    def pass_ms(self, ms: int) -> None:
        self.now_ms += ms
        self.monotonic_s += ms / 1000


def made(server: Server, host: FakeClock) -> DatabaseClock:
    return DatabaseClock(server, host, lambda: server.monotonic_s)  # type: ignore[arg-type]


def test_it_is_the_server_s_time_whatever_the_host_s_is() -> None:
    server, host = Server(), FakeClock()
    clock = made(server, host)
    assert clock.utc_ms() == server.now_ms
    host.step_ms(3_600_000)
    server.pass_ms(500)
    assert clock.utc_ms() == server.now_ms
    assert clock.boot_ms() == host.boot_ms()


def test_it_is_asked_once_a_second_and_follows_a_step() -> None:
    server = Server()
    clock = made(server, FakeClock())
    for _ in range(10):
        clock.utc_ms()
        server.pass_ms(50)
    assert server.asked == 1
    server.now_ms += 60_000  # somebody sets the server's clock
    server.pass_ms(round(ASK_S * 1000))
    assert clock.utc_ms() == server.now_ms
    assert server.asked == 2


def test_what_is_at_hand_is_the_same_time_and_never_asked_for() -> None:
    server, host = Server(), FakeClock()
    clock = made(server, host)
    assert utc_ms_at_hand(clock) is None
    clock.utc_ms()
    server.pass_ms(round(STALE_S * 1000) - 50)
    assert utc_ms_at_hand(clock) == server.now_ms
    server.pass_ms(50)
    assert utc_ms_at_hand(clock) is None
    assert server.asked == 1
    assert utc_ms_at_hand(host) == host.utc_ms()

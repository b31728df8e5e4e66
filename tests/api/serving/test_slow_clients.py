"""Clients that keep the API waiting take nothing from those that do not: 500 of each kind at once.

``SECBEAT_SLOW_CLIENTS_S=60`` holds them for a minute instead of some seconds; ``python -m
bench.slow_clients`` says the figures.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.clients.prober import Connect, plain, probing, tls
from tests.support.clients.slow_clients import crowd
from tests.support.network.ports import free_port
from tests.support.servers.api_server import KEY, Server
from tests.support.servers.terminator import terminator

COUNT = 500
HELD_S = float(os.environ.get("SECBEAT_SLOW_CLIENTS_S", "7"))
LONGEST_S_MAX = 9.0
"""Who waits for a thread that a slow client holds waits for that client's deadline at least, which
is ten seconds or more; a machine with ten times the work it can do is faster.
"""
ANSWERS_MIN = 3
HEADS = ("silent", "half-line", "slow-head", "unread")
BODIES = ("body-no-key", "body-wrong-key", "body-good-key", "body-chunked")
UPLOADS = ("upload-no-key", "upload-good-key")


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """Short: a socket's path has at most 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="sb-") as directory:
        yield Path(directory)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, place: Path) -> Iterator[Server]:
    found = Server(tmp_path_factory.mktemp("server"), unix_socket=place / "api.sock")
    yield found
    found.stop()


def hold(port: int, connect: Connect, kinds: tuple[str, ...], *, through_tls: bool = False) -> None:
    with crowd(port, KEY, COUNT, kinds, tls=through_tls) as clients, probing(connect, KEY) as times:
        end = time.monotonic() + HELD_S
        while time.monotonic() < end:
            clients.connected()  # which waits for the next second
    for name, found in times.items():
        assert found.errors == [], name
        assert len(found.seconds) >= ANSWERS_MIN, name
        assert found.longest_s < LONGEST_S_MAX, name


@pytest.mark.parametrize("kinds", [HEADS, BODIES, UPLOADS], ids=["heads", "bodies", "uploads"])
def test_whoever_is_slow_delays_nobody_else(server: Server, kinds: tuple[str, ...]) -> None:
    hold(server.port, plain(server.port), kinds)


@pytest.mark.parametrize(
    "kinds",
    [("silent", "slow-head"), UPLOADS],
    ids=["heads", "bodies"],
)
def test_nor_through_the_tls_terminator(
    server: Server, place: Path, kinds: tuple[str, ...]
) -> None:
    port = free_port()
    with terminator(place, place / "api.sock", port):
        hold(port, tls(port), kinds, through_tls=True)

"""``/events/stream`` as clients of a real server see it, beside an agent that writes."""

from __future__ import annotations

import http.client
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from api.common.exchange.streams import STREAMS_OF_KEY_MAX
from tests.support.network.ports import free_port
from tests.support.servers.api_server import KEY, Server
from tests.support.servers.terminator import terminator
from tests.support.values.recorded import Recorded

PATH = "/api/v1/events/stream"
AT_MS = 1_764_000_000_000


class Follower:
    """A client of the stream."""

    def __init__(self, port: int, key: str = KEY, **headers: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._connection.request("GET", PATH, headers={"X-SecBeat-API-Key": key, **headers})
        self.answer = self._connection.getresponse()

    def next_line(self, begin: bytes) -> bytes:
        """The rest of the next line that begins so."""
        while True:
            line = self.answer.readline()
            assert line, "the stream has ended"
            if line.startswith(begin):
                return line.removeprefix(begin).strip()

    def rest(self) -> bytes:
        """All up to the end of the stream."""
        return self.answer.read()

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def recorded(tmp_path: Path) -> Iterator[Recorded]:
    found = Recorded(tmp_path / "agent" / "events.db")
    yield found
    found.close()


@pytest.fixture
def server(tmp_path: Path, recorded: Recorded) -> Iterator[Server]:
    found = Server(tmp_path)
    yield found
    if found.process.poll() is None:
        found.stop()


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as found:
        yield found


def follow(stack: ExitStack, server: Server, key: str = KEY, **headers: str) -> Follower:
    found = Follower(server.port, key, **headers)
    stack.callback(found.close)
    assert found.answer.status == 200
    found.next_line(b": still here")
    return found


def test_an_event_reaches_all_who_follow_and_a_client_that_comes_back_misses_none(
    server: Server, recorded: Recorded, stack: ExitStack
) -> None:
    followers = [follow(stack, server) for _ in range(2)]
    assert [each.next_line(b"id: ") for each in followers] == [b"0", b"0"]
    recorded.event("attack_detected", AT_MS, attack_type="syn_flood")
    for each in followers:
        assert each.next_line(b"id: ") == b"1"
        assert b"syn_flood" in each.next_line(b"data: ")
    followers[0].close()
    recorded.event("attack_ended", AT_MS + 1)
    again = follow(stack, server, **{"Last-Event-ID": "1"})
    assert again.next_line(b"id: ") == b"1"
    assert again.next_line(b"event: ") == b"attack_ended"


def test_streams_leave_the_api_to_others_and_are_limited(server: Server, stack: ExitStack) -> None:
    """The server of the tests has eight threads."""
    for number in range(3):
        _, made = server.request("POST", "/keys", {"name": f"key-{number}", "role": "operate"})
        for _ in range(STREAMS_OF_KEY_MAX):
            follow(stack, server, made["key"])
    assert server.request("GET", "/status")[0] == 200
    extra = Follower(server.port, made["key"])
    stack.callback(extra.close)
    assert extra.answer.status == 503
    assert extra.answer.getheader("Content-Type") == "application/problem+json"
    assert int(extra.answer.getheader("Retry-After", "0")) > 0
    assert b"has 4 streams open" in extra.rest()


def test_a_stream_ends_when_its_key_is_removed(server: Server, stack: ExitStack) -> None:
    made: Any
    _, made = server.request("POST", "/keys", {"name": "short", "role": "operate"})
    follower = follow(stack, server, made["key"])
    server.request("DELETE", f"/keys/{made['id']}")
    follower.rest()


def test_a_server_that_stops_ends_its_streams_and_does_not_wait_for_them(
    server: Server, recorded: Recorded, stack: ExitStack
) -> None:
    follower = follow(stack, server)
    recorded.event("node_health", AT_MS)
    follower.next_line(b"data: ")
    server.process.terminate()
    follower.rest()
    assert server.stop() == 0
    assert "Forcing close" not in (server.directory / "log").read_text()


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_the_tls_terminator_passes_an_event_on_when_it_comes(
    tmp_path: Path, recorded: Recorded, version: str
) -> None:
    server = Server(tmp_path, unix_socket=tmp_path / "api.sock")
    port = free_port()
    key = f"X-SecBeat-API-Key: {KEY}"
    url = f"https://127.0.0.1:{port}{PATH}"
    with terminator(tmp_path, tmp_path / "api.sock", port):
        curl = subprocess.Popen(
            ["curl", "-skN", version, "-H", key, url], stdout=subprocess.PIPE, text=True
        )
        try:
            assert curl.stdout is not None
            assert curl.stdout.readline() == ": still here\n"
            recorded.event("attack_detected", AT_MS)
            assert "event: attack_detected\n" in iter(curl.stdout.readline, "")
        finally:
            curl.kill()
            curl.wait()
            assert server.stop() == 0

"""Streams: answers without an end. How they go out, and what ends them."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from api.common.contract.errors import UnavailableError
from api.common.exchange.streams import Places, Stream, StreamEndedError
from api.serving.bodies import streaming
from api.serving.bridge import Bridge, Lanes
from api.serving.connections import protocol
from tests.support.servers.serving import Serving, connected, serving, until_closed
from tests.support.waiting import wait_for

GET = b"GET /stream HTTP/1.1\r\nHost: node\r\n\r\n"
BEAT = b": beat\n\n"
SHORT_S = 0.3


class Source:
    """An application that answers everything with a stream of what a test gives it."""

    def __init__(self) -> None:
        self.pending: list[bytes] = []
        self.ended = False
        self.flood = False
        self.begun = 0
        self.places = Places(total=100, of_key=100)

    def __call__(self, _environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        start_response("200 OK", [("Content-Type", "text/event-stream")])
        self.begun += 1
        return Stream(self._take, lambda: BEAT, self.places.take("key", "key"))

    def _take(self) -> bytes:
        if self.ended:
            raise StreamEndedError
        if self.flood:
            return b"x" * 65_536
        return self.pending.pop(0) if self.pending else b""


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def server(source: Source) -> Iterator[Serving]:
    with serving(Bridge(source, 1, Lanes)) as found:
        yield found


def follow(client: socket.socket) -> bytes:
    client.sendall(GET)
    return until(client, BEAT)


def until(client: socket.socket, end: bytes) -> bytes:
    found = b""
    while end not in found:
        chunk = client.recv(65_536)
        assert chunk, f"the connection ended after {found!r}"
        found += chunk
    return found


def test_a_stream_begins_at_once_and_sends_what_comes(server: Serving, source: Source) -> None:
    with connected(server.port) as client:
        head = follow(client)
        assert b"transfer-encoding: chunked" in head.lower()
        source.pending += [b"one", b"two"]
        assert b"one" in until(client, b"two")


def test_a_stream_that_ends_leaves_the_connection_to_the_next_request(
    server: Serving, source: Source
) -> None:
    with connected(server.port) as client:
        follow(client)
        source.ended = True
        until(client, b"0\r\n\r\n")
        source.ended = False
        assert b"200 OK" in follow(client)


def test_silence_is_broken_by_a_beat(server: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "BEAT_S", SHORT_S)
    with connected(server.port) as client:
        follow(client)
        until(client, BEAT)
        until(client, BEAT)


def test_streams_take_no_thread_of_the_pool(server: Serving, source: Source) -> None:
    with ExitStack() as stack:
        for _ in range(8):  # the pool has one thread
            follow(stack.enter_context(connected(server.port)))
        assert source.places.count == 8


def test_a_client_that_goes_gives_its_place_back(server: Serving, source: Source) -> None:
    with connected(server.port) as client:
        follow(client)
        assert source.places.count == 1
    wait_for(lambda: source.places.count == 0, "the place is free")


def test_a_client_that_does_not_read_loses_its_connection(
    server: Serving, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "SLOW_S", SHORT_S)
    monkeypatch.setattr(protocol, "CLOSE_S", SHORT_S)
    source.flood = True
    with connected(server.port) as client, connected(server.port) as other:
        client.sendall(GET)
        wait_for(lambda: source.begun == 1, "it has its stream")
        wait_for(lambda: source.places.count == 0, "it has lost it")
        source.flood = False
        follow(other)


def test_streams_end_in_order_when_the_server_stops(source: Source) -> None:
    with ExitStack() as stack:
        with serving(Bridge(source, 1, Lanes)) as server:
            client = stack.enter_context(connected(server.port))
            follow(client)
        assert until_closed(client).endswith(b"0\r\n\r\n")
    assert source.places.count == 0


def test_places_are_limited_for_each_key_and_in_all() -> None:
    places = Places(total=3, of_key=2)
    give_back = places.take("a", "alpha")
    places.take("a", "alpha")
    with pytest.raises(UnavailableError, match="the key 'alpha' has 2 streams open"):
        places.take("a", "alpha")
    places.take("b", "beta")
    with pytest.raises(UnavailableError, match="3 streams are open"):
        places.take("c", "gamma")
    give_back()
    places.take("c", "gamma")
    assert places.count == 3


def test_a_stream_gives_its_place_back_once() -> None:
    places = Places()
    stream = Stream(lambda: b"", lambda: BEAT, places.take("a", "alpha"))
    places.take("a", "alpha")
    stream.close()
    stream.close()
    assert places.count == 1


def test_without_an_event_loop_a_stream_is_what_is_there() -> None:
    pending = [b"one", b"two", b""]
    assert list(Stream(lambda: pending.pop(0), lambda: BEAT, lambda: None)) == [b"one", b"two"]

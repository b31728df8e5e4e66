"""The HTTP server below the API: what waits for a client, and for how long."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from api.common.contract.errors import ApiError
from api.common.contract.roles import Principal, Role
from api.common.exchange import arrival
from api.serving import bridge
from api.serving.bodies import incoming, intake
from api.serving.bridge import Bridge, Lanes
from api.serving.connections import protocol
from tests.support.servers.serving import Serving, connected, serving, until_closed
from tests.support.waiting import wait_for

BODY_BYTES_MAX = 100_000
GET = b"GET /pool HTTP/1.1\r\nHost: node\r\n\r\n"
SHORT_S = 1.0


class Application:
    """Refuses /refused from its head, keeps what /upload and /body bring, blocks at /block."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.calls: list[str] = []
        self.bodies: list[bytes] = []
        self.files: list[Path] = []
        self.answer = b"answer"
        self.release = threading.Event()

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        path = environ["PATH_INFO"]
        self.calls.append(path)
        status = "200 OK"
        try:
            if path == "/refused":
                status = "401 Unauthorized"
            if path == "/block":
                assert self.release.wait(120)
            if path in ("/body", "/upload"):
                self._take(environ, self.directory if path == "/upload" else None)
        except ApiError as error:
            status = f"{error.http_status} Refused"
        start_response(status, [("Content-Length", str(len(self.answer)))])
        return [self.answer]

    def _take(self, environ: dict[str, Any], directory: Path | None) -> None:
        found = arrival.of(environ)
        assert found is not None
        found.principal = found.principal or Principal("id", str(len(self.calls)), Role.READ, "")
        file = arrival.want(environ, BODY_BYTES_MAX, directory)
        if file is not None:
            self.files.append(file)
        self.bodies.append(environ["wsgi.input"].read() if file is None else file.read_bytes())


@pytest.fixture
def application(tmp_path: Path) -> Iterator[Application]:
    found = Application(tmp_path)
    yield found
    found.release.set()


@pytest.fixture
def server(application: Application) -> Iterator[Serving]:
    lanes = Lanes(instant=frozenset({"/instant"}), apart=frozenset({"/apart"}))
    with serving(Bridge(application, 2, lambda: lanes)) as found:
        yield found
        application.release.set()


@pytest.fixture
def port(server: Serving) -> int:
    return server.port


def post(path: str, length: int, *more: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: node", f"Content-Length: {length}", *more]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def ask(port: int, path: str, body: Any = None) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        method = "GET" if body is None else "POST"
        connection.request(method, path, body, encode_chunked=not isinstance(body, bytes | None))
        return connection.getresponse().status
    finally:
        connection.close()


def test_a_refusal_needs_no_body_and_ends_the_connection(
    port: int, application: Application
) -> None:
    with connected(port) as client:
        client.sendall(post("/refused", 1000) + b"part of it")
        answer = until_closed(client)
    assert status_of(answer) == 401
    assert b"\r\nconnection: close\r\n" in answer.lower()
    assert application.calls == ["/refused"]


def test_a_refused_body_that_has_come_keeps_the_connection(port: int) -> None:
    with connected(port) as client:
        client.sendall(
            post("/refused", 5)
            + b"12345"
            + GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        )
        answers = until_closed(client)
    assert answers.count(b"HTTP/1.1 401 ") == answers.count(b"HTTP/1.1 200 ") == 1


@pytest.mark.parametrize("path", ["/body", "/upload"])
def test_a_body_is_there_when_the_application_reads_it(
    port: int, application: Application, path: str
) -> None:
    with connected(port) as client:
        client.sendall(post(path, 6, "Connection: close") + b"one")
        wait_for(lambda: application.calls == [path], "the head has been judged")
        client.sendall(b"two")
        assert status_of(until_closed(client)) == 200
    assert application.bodies == [b"onetwo"]
    assert application.calls == [path, path]
    assert not any(file.exists() for file in application.files)


@pytest.mark.parametrize("path", ["/body", "/upload"])
def test_a_body_in_chunks_is_bounded_too(port: int, application: Application, path: str) -> None:
    assert ask(port, path, iter([b"x" * 50_000] * 2)) == 200
    assert ask(port, path, iter([b"x" * 50_000] * 3)) == 413
    assert application.bodies == [b"x" * 100_000]


@pytest.mark.parametrize("path", ["/body", "/upload"])
def test_a_body_that_is_late_is_408(port: int, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setattr(intake, "ALLOWED_S", SHORT_S)
    with connected(port) as client:
        client.sendall(post(path, 1000) + b"x")
        assert status_of(until_closed(client)) == 408


def test_a_client_that_went_away_is_not_served(port: int, application: Application) -> None:
    with connected(port) as client:
        client.sendall(post("/body", 1000))
        wait_for(lambda: application.calls == ["/body"], "the head has been judged")
    assert ask(port, "/pool") == 200
    assert application.calls == ["/body", "/pool"]


def test_bodies_have_a_bound_together_and_give_it_back(
    port: int, application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "HELD_BYTES_MAX", 1000)
    with connected(port) as client:
        client.sendall(post("/body", 900, "Connection: close") + b"x" * 800)
        wait_for(lambda: ask(port, "/body", b"x" * 300) == 503, "the first one holds 800 bytes")
        client.sendall(b"x" * 100)
        assert status_of(until_closed(client)) == 200
    assert ask(port, "/body", b"x" * 1000) == 200


def test_uploads_have_a_number_and_give_it_back(
    port: int, application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "UPLOADS_MAX", 1)
    with connected(port) as client:
        client.sendall(post("/upload", 2, "Connection: close") + b"x")
        wait_for(lambda: list(application.directory.iterdir()), "the first one has its file")
        assert ask(port, "/upload", b"x") == 429
        client.sendall(b"x")
        assert status_of(until_closed(client)) == 200
    wait_for(lambda: ask(port, "/upload", b"x") == 200, "there is room again")
    wait_for(lambda: not list(application.directory.iterdir()), "no file is left")


def test_busy_threads_do_not_delay_what_needs_none_of_them(
    port: int, application: Application
) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(connected(port)) for _ in range(3)]
        for client in clients:
            client.sendall(GET.replace(b"/pool", b"/block"))
        wait_for(lambda: application.calls.count("/block") == 2, "both threads are busy")
        assert ask(port, "/instant") == ask(port, "/apart") == 200
        application.release.set()


def test_a_head_that_is_late_is_408_and_silence_just_ends(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "HEAD_S", SHORT_S)
    with serving(Bridge(application, 1, Lanes)) as server:
        with connected(server.port) as client:
            client.sendall(GET[:10])
            assert status_of(until_closed(client)) == 408
        with connected(server.port) as client:
            assert until_closed(client) == b""


def test_a_head_that_is_too_large_is_431(port: int) -> None:
    with connected(port) as client:
        client.sendall(GET[:-2])
        for _ in range(20):
            client.sendall(b"X-More: " + b"x" * 1000 + b"\r\n")
        assert status_of(until_closed(client)) == 431


def test_who_has_said_everything_and_closes_his_side_is_answered(port: int) -> None:
    with connected(port) as client:
        client.sendall(GET)
        client.shutdown(1)
        assert status_of(until_closed(client)) == 200


def test_who_reads_no_answer_is_cut(
    server: Serving, application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bridge, "ALLOWED_S", SHORT_S)
    monkeypatch.setattr(protocol, "CLOSE_S", SHORT_S)
    application.answer = b"x" * 20_000_000
    monkeypatch.setattr(bridge, "BYTES_PER_S_MIN", len(application.answer))
    with connected(server.port) as client:
        client.sendall(GET)
        assert status_of(client.recv(100)) == 200
        wait_for(lambda: server.connections == 0, "the server has let go of it")
        assert len(until_closed(client)) < len(application.answer)


def test_silent_connections_crowd_out_only_themselves(application: Application) -> None:
    with (
        serving(Bridge(application, 2, Lanes), connections_max=10) as server,
        ExitStack() as stack,
    ):
        port = server.port
        busy = stack.enter_context(connected(port))
        busy.sendall(
            GET.replace(b"/pool", b"/block").replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        )
        wait_for(lambda: application.calls == ["/block"], "its request runs")
        silent = [stack.enter_context(connected(port)) for _ in range(30)]
        assert ask(port, "/pool") == 200
        assert _ended(silent[0])
        application.release.set()
        assert status_of(until_closed(busy)) == 200


def _ended(client: Any) -> bool:
    try:
        return bool(client.recv(1) == b"")
    except ConnectionResetError:
        return True


def test_a_request_for_another_protocol_is_answered_as_http(port: int) -> None:
    upgrade = "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"
    head = ["GET /pool HTTP/1.1", "Host: node", *upgrade, "Sec-WebSocket-Key: " + "x" * 22 + "=="]
    with connected(port) as client:
        client.sendall(("\r\n".join(head) + "\r\n\r\n").encode())
        client.shutdown(1)
        assert status_of(until_closed(client)) == 200


def test_the_allowance_of_a_body_grows_with_what_has_come() -> None:
    assert incoming.ALLOWED_S + (1 << 27) / incoming.BYTES_PER_S_MIN > 2000

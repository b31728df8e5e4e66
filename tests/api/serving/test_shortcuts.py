"""What the event loop answers itself, and what it hands on when it can't."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from api.common.contract.errors import ApiError
from api.common.contract.roles import Principal, Role
from api.common.exchange import arrival
from api.serving.bodies import incoming
from api.serving.bridge import Answered, Bridge, Lanes, Reading
from tests.support.servers.serving import serving

NODE = Principal("node-1", "node-1", Role.NODE, "")
BODY = b'{"a": 1}'


class Application:
    """The whole way: takes a body, and remembers who had been admitted before."""

    def __init__(self) -> None:
        self.taken: list[tuple[Principal | None, bytes]] = []

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        found = arrival.of(environ)
        assert found is not None
        status = "200 OK"
        try:
            arrival.want(environ, 1000)
            self.taken.append((found.principal, environ["wsgi.input"].read()))
        except ApiError as error:
            status = f"{error.http_status} Refused"
        start_response(status, [("Content-Length", "5")])
        return [b"whole"]


class Shortcut:
    """Answers /short at once, and /reading when the body is what it should be."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    def __call__(self, environ: Mapping[str, Any]) -> Answered | Reading | None:
        if environ["PATH_INFO"] == "/short":
            return _answered()
        return Reading(NODE, 100, self._decide) if environ["PATH_INFO"] == "/reading" else None

    def _decide(self, body: bytes) -> Answered | None:
        self.bodies.append(body)
        return _answered() if body == BODY else None


def _answered() -> Answered:
    return Answered(200, [(b"content-length", b"5")], b"short")


@pytest.fixture
def application() -> Application:
    return Application()


@pytest.fixture
def shortcut() -> Shortcut:
    return Shortcut()


@pytest.fixture
def client(application: Application, shortcut: Shortcut) -> Iterator[http.client.HTTPConnection]:
    with serving(Bridge(application, 2, Lanes, shortcut)) as server:
        made = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        yield made
        made.close()


def _ask(client: http.client.HTTPConnection, path: str, body: Any = None) -> tuple[int, bytes]:
    client.request("GET" if body is None else "POST", path, body)
    answer = client.getresponse()
    return answer.status, answer.read()


def test_an_answer_at_once_and_one_from_the_body_need_no_application(
    client: http.client.HTTPConnection, application: Application, shortcut: Shortcut
) -> None:
    for _ in range(3):  # on one connection
        assert _ask(client, "/short") == (200, b"short")
        assert _ask(client, "/reading", BODY) == (200, b"short")
    assert shortcut.bodies == [BODY] * 3
    assert application.taken == []


@pytest.mark.parametrize("body", [b"", b"x" * 100])
def test_a_body_that_does_not_decide_is_there_for_the_application(
    client: http.client.HTTPConnection, application: Application, body: bytes
) -> None:
    assert _ask(client, "/reading", body) == (200, b"whole")
    assert _ask(client, "/whole", BODY) == (200, b"whole")
    assert application.taken == [(NODE, body), (None, BODY)]


def test_a_body_that_is_too_large_is_the_application_s_to_refuse(
    client: http.client.HTTPConnection, application: Application, shortcut: Shortcut
) -> None:
    assert _ask(client, "/reading", b"x" * 101) == (413, b"whole")
    assert (shortcut.bodies, application.taken) == ([], [])


def test_so_is_one_that_does_not_come(
    client: http.client.HTTPConnection, shortcut: Shortcut, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.serving.bodies.intake.ALLOWED_S", 1.0)
    assert incoming.ALLOWED_S > 1
    client.putrequest("POST", "/reading")
    client.putheader("Content-Length", str(len(BODY)))
    client.endheaders(BODY[:-1])
    answer = client.getresponse()
    assert answer.status == 408
    assert shortcut.bodies == []

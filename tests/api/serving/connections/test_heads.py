"""Heads that are no HTTP/1.1 are refused before the application sees them, and others are not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from api.serving.bridge import Bridge, Lanes
from api.serving.connections.head import FIELD_BYTES_MAX, FIELDS_MAX, HEAD_BYTES_MAX, LINE_BYTES_MAX
from tests.support.servers.serving import connected, serving, until_closed

HOST = b"Host: node\r\n"


def echo(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    body = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}".encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving(Bridge(echo, 1, Lanes)) as server:
        yield server.port


def ask(port: int, line: bytes, fields: bytes = HOST) -> tuple[int, bytes]:
    """Status and body."""
    with connected(port) as client:
        client.sendall(line + b"\r\n" + fields + b"Connection: close\r\n\r\n")
        head, _, body = until_closed(client).partition(b"\r\n\r\n")
    return int(head.split(b" ", 2)[1]), body


def refusal(port: int, line: bytes, fields: bytes = HOST) -> tuple[int, str]:
    """Status and detail of a problem document."""
    status, body = ask(port, line, fields)
    problem = json.loads(body)
    assert problem["status"] == status
    return status, problem["detail"]


@pytest.mark.parametrize(
    "fields",
    [b"", HOST * 2, HOST + b"Host: other\r\n"]
    + [
        b"Host: " + host + b"\r\n"
        for host in (
            *(b"a b", b"a, b", b"a/b", b"user@a", b"a:99x", b"a:1:2", b"\xffa", b"a%4", b"a?b"),
            *(b"[::1", b"::1", b"[fe80::1%25eth0]", b"[::1]a", b"[1.2.3.4]", b"http://a"),
        )
    ],
)
def test_a_host_that_is_missing_repeated_or_wrong_is_400(port: int, fields: bytes) -> None:
    status, detail = refusal(port, b"GET / HTTP/1.1", fields)
    assert status == 400
    assert "host" in detail.lower()


@pytest.mark.parametrize(
    "host",
    [b"node", b"NODE.example:9999", b"a:", b"", b"127.0.0.1:9999", b"[::1]:9999", b"a_b", b"a%41"],
)
def test_a_host_is_a_name_or_an_address_and_perhaps_a_port(port: int, host: bytes) -> None:
    assert ask(port, b"GET /x HTTP/1.1", b"Host: " + host + b"\r\n") == (200, b"GET /x")


def test_http_1_0_needs_no_host(port: int) -> None:
    assert ask(port, b"GET /x HTTP/1.0", b"") == (200, b"GET /x")


@pytest.mark.parametrize(
    "target",
    [b"/a#b", b"http://[bad/x", b"http:///x", b"http://u@a/x", b"ftp://a/x", b"a", b"/\xff"],
)
def test_a_target_of_no_form_is_400(port: int, target: bytes) -> None:
    assert refusal(port, b"GET " + target + b" HTTP/1.1")[0] == 400


@pytest.mark.parametrize(
    "target", [b"/x", b"http://other/x", b"HTTPS://[::1]:9/x", b"http://a/x?y"]
)
def test_a_target_is_a_path_or_a_uri(port: int, target: bytes) -> None:
    assert ask(port, b"GET " + target + b" HTTP/1.1") == (200, b"GET /x")


@pytest.mark.parametrize("method", [b"X", b"get", b"M-SEARCH", b"A" * 30, b"!#$%&'*+.^_`|~"])
def test_any_token_is_a_method(port: int, method: bytes) -> None:
    assert ask(port, method + b" /x HTTP/1.1") == (200, method + b" /x")


@pytest.mark.parametrize("method", [b"G(T", b"G\tET", b"G\xffT", b"<b>", b""])
def test_what_is_no_token_is_no_method(port: int, method: bytes) -> None:
    assert refusal(port, method + b" /x HTTP/1.1")[0] == 400


def test_a_line_over_its_limit_is_414_and_one_within_is_read(port: int) -> None:
    rest = len(b"GET / HTTP/1.1")
    longest = b"GET /" + b"x" * (LINE_BYTES_MAX - rest) + b" HTTP/1.1"
    assert ask(port, longest)[0] == 200
    status, detail = refusal(port, longest.replace(b" /", b" /x"))
    assert status == 414
    assert str(LINE_BYTES_MAX) in detail


@pytest.mark.parametrize(
    "fields",
    [
        b"X: " + b"x" * FIELD_BYTES_MAX + b"\r\n",
        b"".join(b"X-%d: x\r\n" % number for number in range(FIELDS_MAX)),
        b"".join(b"X-%d: " % number + b"x" * 5000 + b"\r\n" for number in range(4)),
    ],
    ids=["one", "many", "together"],
)
def test_fields_over_their_limits_are_431(port: int, fields: bytes) -> None:
    status, detail = refusal(port, b"GET / HTTP/1.1", HOST + fields)
    assert status == 431
    assert str(HEAD_BYTES_MAX) in detail


@pytest.mark.parametrize(
    ("coding", "status"),
    [(b"gzip", 400), (b"gzip, chunked", 501), (b"identity, chunked", 501), (b"foo", 501)],
)
def test_another_transfer_coding_is_refused(port: int, coding: bytes, status: int) -> None:
    fields = HOST + b"Transfer-Encoding: " + coding + b"\r\n"
    assert refusal(port, b"POST / HTTP/1.1", fields)[0] == status


def test_a_refused_head_request_gets_no_body(port: int) -> None:
    assert ask(port, b"HEAD / HTTP/1.1", b"") == (400, b"")

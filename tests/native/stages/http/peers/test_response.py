"""Responses: where they end, in whatever pieces they come."""

from __future__ import annotations

import ctypes

import pytest

from tests.native.stages.http.http_support import Driver, Progress
from tests.native.stages.http.peers.responses import RESPONSES


@pytest.fixture(scope="module")
def driver(library: ctypes.CDLL, tmp_path_factory: pytest.TempPathFactory) -> Driver:
    return Driver(library, tmp_path_factory.mktemp("driver"))


@pytest.mark.parametrize("name", RESPONSES)
def test_its_end_and_status_are_found_however_it_is_cut(driver: Driver, name: str) -> None:
    data, (progress, left, status, flags) = RESPONSES[name]
    wanted = (progress, len(data) - len(left), status, flags)
    for step in (len(data), *range(1, 20)):
        assert driver.response(data, step) == wanted, step


@pytest.mark.parametrize("name", RESPONSES)
def test_a_part_of_it_is_not_complete(driver: Driver, name: str) -> None:
    data, (progress, left, _, _) = RESPONSES[name]
    for size in range(1, len(data) - len(left)):
        found = driver.response(data[:size])
        assert (found[0] < Progress.COMPLETE, found[1]) == (True, size)
    assert driver.response(data)[0] is progress


def test_what_answers_head_has_no_body(driver: Driver) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
    assert driver.response(head + b"HTTP", to_head=True)[:3] == (Progress.COMPLETE, len(head), 200)
    head = b"HTTP/1.1 200 OK\r\n\r\n"
    found = driver.response(head + b"HTTP", to_head=True)
    assert found == (Progress.COMPLETE, len(head), 200, {"keep_alive"})


@pytest.mark.parametrize(
    "data",
    [
        b"XTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
    ],
)
def test_what_can_not_be_read_is_broken(driver: Driver, data: bytes) -> None:
    assert driver.response(data)[0] is Progress.BROKEN
    assert driver.response(data, 1)[0] is Progress.BROKEN


@pytest.mark.parametrize("framing", [b"Content-Length: 1000", b"Transfer-Encoding: chunked"])
def test_all_but_the_last_byte_of_a_body_may_be_passed_over(driver: Driver, framing: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n\r\n"
    is_chunked = framing.endswith(b"chunked")
    head += b"3e8\r\n" if is_chunked else b""
    end = b"\r\n0\r\n\r\n" if is_chunked else b""
    assert driver.response_skipping(head, b"x" + end) == (999, Progress.COMPLETE, len(b"x" + end))


def test_a_body_without_end_may_be_passed_over(driver: Driver) -> None:
    head = b"HTTP/1.1 200 OK\r\n\r\n"
    assert driver.response_skipping(head, b"more") == (2**64 - 1, Progress.BODY, 4)

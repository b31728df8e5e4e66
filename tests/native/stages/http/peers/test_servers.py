"""What the node takes for a request without a fault, servers read as it does, or refuse.

Each request has another one behind it: where a server ended the first elsewhere, the second would
be another one. ``SECBEAT_MODEL_SEED`` and ``SECBEAT_MODEL_CASES`` choose as for the model.
"""

from __future__ import annotations

import ctypes
import random

import pytest

from tests.native.stages.http.http_support import Driver, Framing, Message, Progress
from tests.native.stages.http.messages.test_message_model import CASES, SEED, damaged
from tests.native.stages.http.peers.disagreements import cases
from tests.native.stages.http.peers.servers import Seen, gunicorn, python, werkzeug

MONITORED = {"CONTENT_ENCODING", "TRAILERS"}
"""Faults that honest clients have."""
MARKER = b"GET /marker HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
SECOND = Seen(b"GET", b"/marker", b"")


@pytest.fixture(scope="module")
def driver(library: ctypes.CDLL, tmp_path_factory: pytest.TempPathFactory) -> Driver:
    return Driver(library, tmp_path_factory.mktemp("driver"))


def as_read(driver: Driver, data: bytes) -> tuple[bytes, Seen, bool] | None:
    """The bytes of the request, what it is, and whether it has chunks.

    None: it has a fault, or is none.
    """
    found = driver.parse(data + MARKER)
    if found.progress is not Progress.COMPLETE or found.faults - MONITORED or found.fed > len(data):
        return None
    with Message(driver) as message:
        message.feed(data)
        message.feed(data)
        body = message.content(data, len(data))
    is_chunked = found.framing is Framing.CHUNKED
    return data[: found.fed], Seen(found.method, found.target, body), is_chunked


def assert_same(data: bytes, first: Seen, is_chunked: bool) -> None:
    wanted = [first, SECOND]
    for server in (gunicorn, werkzeug, python):
        seen = server(data + MARKER)
        if server is python and is_chunked:  # it reads no body then, and refuses what comes
            assert seen in ([], [first._replace(body=b"")]), data
        else:
            assert seen == wanted[: len(seen)], (server.__name__, data)


def test_requests_without_a_fault_are_read_alike(driver: Driver) -> None:
    taken = [found for case in cases() if (found := as_read(driver, case.data))]
    assert len(taken) > 30
    for found in taken:
        assert_same(*found)


def test_damaged_requests_without_a_fault_are_read_alike(driver: Driver) -> None:
    rng = random.Random(SEED)
    taken = 0
    for _ in range(CASES // 2):
        found = as_read(driver, damaged(rng))
        if found:
            assert_same(*found)
            taken += 1
    assert taken > CASES // 20


@pytest.mark.parametrize("server", [gunicorn, python])
def test_a_server_that_sees_another_request_would_be_found(server: type) -> None:
    data = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
    wanted = [Seen(b"POST", b"/", b"hello"), SECOND]
    assert server(data + MARKER) == wanted
    assert server(data + b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n" + MARKER) != wanted

"""Requests: what is found of good ones, in whatever pieces they come."""

from __future__ import annotations

import ctypes

import pytest

from tests.native.stages.http.http_support import (
    FAULTS,
    Content,
    Driver,
    Framing,
    Message,
    Progress,
    reason_of,
)

GET = b"GET /a/b?c=d&e HTTP/1.1\r\nHost: example.org\r\nAccept:  text/html \t\r\nX-Empty:\r\n\r\n"
POST = b"POST /form HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\nContent-Type: text/plain\r\n\r\n"
BODY = b"hello world"
CHUNKED = b"POST /up HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNKS = b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
NEXT = b"GET /next HTTP/1.1\r\n"
GOOD = {
    "get": GET,
    "post": POST + BODY,
    "chunked": CHUNKED + CHUNKS,
    "trailers": CHUNKED + b"b\r\nhello world\r\n0\r\nX-Sum: 1\r\nX-More:\r\n\r\n",
    "websocket": b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    "upgrade with a body": b"POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n"
    b"Content-Length: 2\r\n\r\nhi",
    "absolute": b"GET http://A.example.:80/x?y HTTP/1.1\r\nHost: a.Example\r\n\r\n",
    "options": b"OPTIONS * HTTP/1.1\r\nHost: [2001:db8::1]:8080\r\n\r\n",
    "1.0": b"GET / HTTP/1.0\r\n\r\n",
    "after an empty line": b"\r\n" + GET,
}


@pytest.fixture(scope="module")
def driver(library: ctypes.CDLL, tmp_path_factory: pytest.TempPathFactory) -> Driver:
    return Driver(library, tmp_path_factory.mktemp("driver"))


def test_what_a_request_says(driver: Driver) -> None:
    found = driver.parse(GET + NEXT)
    assert found.progress is Progress.COMPLETE
    assert (found.fed, found.head_size, found.faults) == (len(GET), len(GET), frozenset())
    assert (found.method, found.target) == (b"GET", b"/a/b?c=d&e")
    assert (found.path, found.query, found.host) == (b"/a/b", b"c=d&e", b"example.org")
    assert found.headers == (
        (b"Host", b"example.org"),
        (b"Accept", b"text/html"),
        (b"X-Empty", b""),
    )
    assert (found.version_minor, found.flags) == (1, {"keep_alive"})


def test_a_body_ends_where_its_length_says(driver: Driver) -> None:
    found = driver.parse(POST + BODY + NEXT)
    assert (found.progress, found.fed) == (Progress.COMPLETE, len(POST + BODY))
    assert (found.framing, found.content_length) == (Framing.LENGTH, 11)
    assert (found.content, found.faults) == (Content.OTHER, frozenset())


def test_chunks_end_with_the_last_one(driver: Driver) -> None:
    found = driver.parse(CHUNKED + CHUNKS + NEXT)
    assert (found.progress, found.fed) == (Progress.COMPLETE, len(CHUNKED + CHUNKS))
    assert (found.framing, found.faults) == (Framing.CHUNKED, frozenset())


def test_trailers_are_kept_apart(driver: Driver) -> None:
    found = driver.parse(GOOD["trailers"])
    assert found.trailers == ((b"X-Sum", b"1"), (b"X-More", b""))
    assert (len(found.headers), found.faults) == (2, {"TRAILERS"})


def test_the_path_of_an_absolute_uri_is_behind_its_host(driver: Driver) -> None:
    found = driver.parse(GOOD["absolute"])
    assert (found.host, found.path, found.query) == (b"A.example.:80", b"/x", b"y")
    assert found.faults == frozenset()


@pytest.mark.parametrize("name", GOOD)
def test_the_end_of_the_head_is_told_before_the_body(driver: Driver, name: str) -> None:
    found = driver.parse(GOOD[name] + NEXT)
    has_body = found.framing is not Framing.NO_BODY
    assert driver.head_reported(GOOD[name]) == (found.head_size if has_body else 0)


@pytest.mark.parametrize("name", GOOD)
def test_a_request_may_be_cut_anywhere(driver: Driver, name: str) -> None:
    data = GOOD[name] + NEXT
    whole = driver.parse(data)
    assert (whole.progress, whole.fed) == (Progress.COMPLETE, len(GOOD[name]))
    for cut in range(1, len(data)):
        assert driver.parse(data, [cut]) == whole, cut
    assert driver.parse(data, range(1, len(data))) == whole


@pytest.mark.parametrize("name", GOOD)
def test_a_part_of_a_request_is_not_complete(driver: Driver, name: str) -> None:
    data = GOOD[name]
    for size in range(len(data)):
        found = driver.parse(data[:size])
        assert (found.progress < Progress.COMPLETE, found.fed) == (True, size)


def test_the_content_is_what_the_chunks_carry(driver: Driver) -> None:
    data = CHUNKED + CHUNKS
    for end in range(len(CHUNKED), len(data) + 1):
        with Message(driver) as message:
            message.feed(data[:end])
            message.feed(data[:end])
            seen = data[len(CHUNKED) : end]
            carried = seen[3:8] + seen[13:19]
            assert message.content(data[:end], 64) == carried
            assert message.content(data[:end], 7) == carried[:7]


def test_the_content_of_a_body_with_a_length_is_the_body(driver: Driver) -> None:
    with Message(driver) as message:
        assert message.feed(POST + BODY[:4]) is Progress.BODY
        assert message.content(POST + BODY[:4], 64) == b""
        assert message.feed(POST + BODY[:4]) is Progress.BODY
        assert message.content(POST + BODY[:4], 64) == BODY[:4]
        assert message.content(POST + BODY[:4], 2) == BODY[:2]


def test_all_but_the_last_byte_of_a_body_may_be_passed_over(driver: Driver) -> None:
    with Message(driver) as message:
        assert message.feed(POST + BODY[:1]) is Progress.BODY
        assert message.feed(POST + BODY[:1]) is Progress.BODY
        assert message.skippable == len(BODY) - 2
        message.skip(message.skippable)
        assert message.skippable == 0
        assert message.outcome.fed + len(BODY) - 2 == len(POST + BODY) - 1
        assert message.feed_body(BODY[-1:] + NEXT) is Progress.COMPLETE
        assert message.outcome.fed == len(POST + BODY)
        assert message.content(POST + BODY[:1], 64) == BODY[:1]


@pytest.mark.parametrize("size", [1, 2, 16, 1 << 20, (1 << 40) + 3])
def test_all_but_the_last_byte_of_a_chunk_may_be_passed_over(driver: Driver, size: int) -> None:
    line = b"%x\r\n" % size
    with Message(driver) as message:
        message.feed(CHUNKED)
        assert message.skippable == 0
        assert message.feed_body(line) is Progress.BODY
        assert message.skippable == size - 1
        message.skip(size - 1)
        assert (message.skippable, message.feed_body(b"x\r")) == (0, Progress.BODY)
        assert message.skippable == 0
        assert message.feed_body(b"\n5\r\nhello\r\n0\r\nX: y\r\n\r\nGET") is Progress.COMPLETE
        end = len(CHUNKED + line) + size + len(b"\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n")
        assert (message.outcome.fed, message.outcome.trailer_count) == (end, size == 1)
        assert message.outcome.faults == 1 << FAULTS.index("TRAILERS")


def test_behind_the_last_request_nothing_but_line_ends_may_come(driver: Driver) -> None:
    with Message(driver) as message:
        message.set_after_close()
        assert message.feed(b"\r\n") is Progress.HEAD
        assert message.outcome.faults == 0
        assert message.feed(b"\r\nG") is Progress.HEAD
        assert message.outcome.faults == 1 << FAULTS.index("AFTER_CLOSE")


def test_every_fault_has_a_reason(driver: Driver, library: ctypes.CDLL) -> None:
    library.sb_http_fault_reason.restype = ctypes.c_uint32
    library.sb_http_fault_reason.argtypes = [ctypes.c_uint32]
    reasons = [library.sb_http_fault_reason(bit) for bit in range(len(FAULTS))]
    assert reasons == [reason_of(name) for name in FAULTS]
    assert library.sb_http_fault_reason(len(FAULTS)) == 0

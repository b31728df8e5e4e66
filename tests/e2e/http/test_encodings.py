"""An attack in every encoding that an application undoes is refused; its harmless twin passes."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator

import pytest

from tests.support.http_peers.exchange import Answer, Sending, send, send_all
from tests.support.http_peers.inspection import (
    HARMLESS,
    MARKER,
    ORIGINS,
    RECORDED,
    add_rule,
    delete_rule,
    policy,
    put,
)
from tests.support.http_peers.recorder import ANSWER, Recorder
from tests.support.instances.lab import Lab

SQL = (b"union select", b"onion select")
SCRIPT = (b"<script>", b"<skript>")
CLIMB = (b"/etc/passwd", b"/abc/passwd")
WORD = (MARKER, HARMLESS)
Make = Callable[[bytes], bytes]


def get(target: bytes, *fields: bytes) -> bytes:
    return b"\r\n".join([b"GET " + target + b" HTTP/1.1", b"Host: lab", *fields, b"", b""])


def post(media_type: bytes, body: bytes, *fields: bytes) -> bytes:
    head = [b"POST /form HTTP/1.1", b"Host: lab", b"Content-Type: " + media_type, *fields]
    return b"\r\n".join([*head, b"Content-Length: %d" % len(body), b"", body])


def form(body: bytes) -> bytes:
    return post(b"application/x-www-form-urlencoded", body)


def as_json(body: bytes) -> bytes:
    return post(b"application/json", body)


def chunked(media_type: bytes, body: bytes, size: int) -> bytes:
    chunks = [body[at : at + size] for at in range(0, len(body), size)]
    head = [b"POST /form HTTP/1.1", b"Host: lab", b"Content-Type: " + media_type]
    framed = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return b"\r\n".join([*head, b"Transfer-Encoding: chunked", b"", framed + b"0", b"", b""])


def multipart(disposition: bytes, content: bytes, *fields: bytes) -> bytes:
    head = b"\r\n".join([b"Content-Disposition: form-data; " + disposition, *fields])
    body = b"--edge\r\n" + head + b"\r\n\r\n" + content + b"\r\n--edge--\r\n"
    return post(b"multipart/form-data; boundary=edge", body)


def percent(text: bytes) -> bytes:
    return b"".join(b"%%%02x" % byte for byte in text)


def percent_u(text: bytes) -> bytes:
    return b"".join(b"%%u%04x" % byte for byte in text)


def escapes(text: bytes) -> bytes:
    return b"".join(b"\\u%04x" % byte for byte in text)


def decimal(text: bytes) -> bytes:
    return b"".join(b"&#%d;" % byte for byte in text)


def hexadecimal(text: bytes) -> bytes:
    return b"".join(b"&#x%x;" % byte for byte in text)


def overlong(text: bytes) -> bytes:
    return b"".join(b"%%c%x%%%02x" % (byte >> 6, 0x80 | byte & 0x3F) for byte in text)


def spaced(text: bytes, blank: bytes) -> bytes:
    return text.replace(b" ", blank)


ENCODINGS: dict[str, tuple[tuple[bytes, bytes], Make]] = {
    # targets
    "query": (WORD, lambda t: get(b"/?q=" + t)),
    "name of an argument": (WORD, lambda t: get(b"/?" + t + b"=1")),
    "path": (WORD, lambda t: get(b"/a/" + t + b"/b")),
    "percent": (WORD, lambda t: get(b"/?q=" + percent(t))),
    "percent in the path": (WORD, lambda t: get(b"/" + percent(t))),
    "percent twice": (WORD, lambda t: get(b"/?q=" + percent(percent(t)))),
    "percent twice in the path": (WORD, lambda t: get(b"/" + percent(percent(t)))),
    "percent, upper case": (WORD, lambda t: get(b"/?q=" + percent(t).upper())),
    "plus": (SQL, lambda t: get(b"/?q=" + spaced(t, b"+"))),
    "percent-encoded blank": (SQL, lambda t: get(b"/?q=" + spaced(t, b"%20"))),
    "percent-encoded tab": (SQL, lambda t: get(b"/?q=" + spaced(t, b"%09"))),
    "percent-encoded line end": (SQL, lambda t: get(b"/?q=" + spaced(t, b"%0d%0a"))),
    "percent and plus": (SQL, lambda t: get(b"/?q=" + spaced(percent(t[:5]) + t[5:], b"+"))),
    "%u": (WORD, lambda t: get(b"/?q=" + percent_u(t))),
    "case": (SQL, lambda t: get(b"/?q=" + spaced(t.swapcase(), b"%20"))),
    "mixed case": (SQL, lambda t: get(b"/?q=" + spaced(t.title(), b"%20"))),
    "overlong UTF-8": (SCRIPT, lambda t: get(b"/?q=" + overlong(t[:1]) + t[1:])),
    "decimal entities": (SCRIPT, lambda t: get(b"/?q=" + percent(decimal(t)))),
    "hexadecimal entities": (SCRIPT, lambda t: get(b"/?q=" + percent(hexadecimal(t)))),
    "named entities": (SCRIPT, lambda t: get(b"/?q=%26lt;" + t[1:-1] + b"%26gt;")),
    "dot in the path": (CLIMB, lambda t: get(t.replace(b"/p", b"/./p"))),
    "dots in the path": (CLIMB, lambda t: get(t.replace(b"/p", b"/x/../p"))),
    "slashes in the path": (CLIMB, lambda t: get(t.replace(b"/p", b"//p"))),
    "encoded dots in the path": (CLIMB, lambda t: get(t.replace(b"/p", b"/x/%2e%2e/p"))),
    "encoded slash in the path": (CLIMB, lambda t: get(t.replace(b"/p", b"%2fp"))),
    "slash encoded twice in the path": (CLIMB, lambda t: get(t.replace(b"/p", b"%252fp"))),
    # headers
    "cookie": (WORD, lambda t: get(b"/", b"Cookie: a=b; c=" + t)),
    "cookie, percent": (WORD, lambda t: get(b"/", b"Cookie: a=" + percent(t))),
    "header": (WORD, lambda t: get(b"/", b"X-Any: " + t)),
    "header, percent": (WORD, lambda t: get(b"/", b"X-Any: " + percent(t))),
    "header with trailing blanks": (WORD, lambda t: get(b"/", b"X-Any: " + t + b" \t ")),
    "name with _": (WORD, lambda t: get(b"/", b"X_Any: " + t)),
    "user agent": (SQL, lambda t: get(b"/", b"User-Agent: " + t)),
    "referer": (SQL, lambda t: get(b"/", b"Referer: http://a/?q=" + spaced(t, b"%20"))),
    # bodies
    "form": (SQL, lambda t: form(b"a=1&b=" + spaced(t, b"+"))),
    "form, percent": (WORD, lambda t: form(b"a=" + percent(t))),
    "form, percent twice": (WORD, lambda t: form(b"a=" + percent(percent(t)))),
    "form, %u": (WORD, lambda t: form(b"a=" + percent_u(t))),
    "form in chunks": (WORD, lambda t: chunked(b"application/x-www-form-urlencoded", b"a=" + t, 1)),
    "JSON": (SQL, lambda t: as_json(json.dumps({"a": [{"b": t.decode()}]}).encode())),
    "JSON, name": (WORD, lambda t: as_json(b'{"' + t + b'": 1}')),
    "JSON, escapes": (SQL, lambda t: as_json(b'{"a": "' + escapes(t) + b'"}')),
    "JSON, short escapes": (SQL, lambda t: as_json(b'{"a": "' + spaced(t, b"\\n") + b'"}')),
    "JSON, escaped slash": (CLIMB, lambda t: as_json(b'{"a":"' + t.replace(b"/", b"\\/") + b'"}')),
    "JSON in chunks": (WORD, lambda t: chunked(b"application/json", b'{"a":"' + t + b'"}', 3)),
    "JSON in a list": (SQL, lambda t: as_json(b'["' + t + b'"]')),
    "multipart": (SQL, lambda t: multipart(b'name="a"', t)),
    "multipart, name": (WORD, lambda t: multipart(b'name="' + t + b'"', b"1")),
    "multipart, file name": (WORD, lambda t: multipart(b'name="a"; filename="' + t + b'"', b"1")),
    "multipart, file": (
        SQL,
        lambda t: multipart(b'name="a"; filename="b"', t, b"Content-Type: text/plain"),
    ),
    "multipart, unquoted": (WORD, lambda t: multipart(b"name=" + t, b"1")),
    "text": (WORD, lambda t: post(b"text/plain", t)),
    "XML": (WORD, lambda t: post(b"text/xml", b"<a>" + t + b"</a>")),
    "no type that is known": (WORD, lambda t: post(b"x/y", b"\0" * 100 + t)),
    "body of GET": (WORD, lambda t: post(b"text/plain", t).replace(b"POST", b"GET", 1)),
    "GraphQL": (SQL, lambda t: as_json(json.dumps({"query": f"{{a(b:{t.decode()!r})}}"}).encode())),
}


@pytest.fixture(scope="module")
def rules(lab: Lab, key: str, rule: str) -> Iterator[None]:
    """One for each kind of attack."""
    patterns = (r"union\s+select", "<script>", "/etc/passwd")
    added = [add_rule(lab, key, pattern) for pattern in patterns]
    yield
    for each in added:
        delete_rule(lab, key, each)


@pytest.fixture(scope="module")
def answers(lab: Lab, rules: None, recording: Recorder) -> dict[str, tuple[Answer, Answer]]:
    """To the attack and to its twin, of all at once."""
    recording.clear()
    twins = [make(text) for texts, make in ENCODINGS.values() for text in texts]
    sendings = [Sending(RECORDED, [request], until=ANSWER) for request in twins]
    found = send_all(lab, ORIGINS["ipv4"], sendings)
    return dict(zip(ENCODINGS, zip(found[::2], found[1::2], strict=True), strict=True))


@pytest.mark.parametrize("name", ENCODINGS)
def test_it_is_refused_and_its_twin_passes(
    recording: Recorder, answers: dict[str, tuple[Answer, Answer]], name: str
):
    bad, good = answers[name]
    (attack, twin), make = ENCODINGS[name]
    assert bad.is_refused, bad
    assert not recording.holds(make(attack))
    assert good.statuses == [200], good
    assert make(twin) in recording.requests


LARGE = b"x" * 300_000


@pytest.mark.parametrize(
    "large",
    [
        post(b"text/plain", LARGE),
        chunked(b"text/plain", LARGE, len(LARGE)),
        chunked(b"text/plain", LARGE, 1000),
        chunked(b"text/plain", LARGE[:100_000], 7),
    ],
    ids=["length", "one chunk", "chunks", "small chunks"],
)
def test_it_is_found_behind_a_body_that_is_not_inspected(
    lab: Lab, rules: None, origin: Recorder, large: bytes
):
    """Beyond the limit a body is passed over, and its end is where the next request begins."""
    for text, is_refused in ((HARMLESS, False), (MARKER, True)):
        sending = Sending(RECORDED, [large + get(b"/?q=" + text)], until=ANSWER * 2)
        answer = send(lab, ORIGINS["ipv4"], sending)
        assert answer.is_refused == is_refused, answer
        assert (get(b"/?q=" + text) in origin.requests) != is_refused


def test_what_is_within_the_limit_of_a_body_is_inspected_and_what_is_beyond_is_not(
    lab: Lab, key: str, rules: None, origin: Recorder
):
    put(lab, key, policy("small", http={"ports": [RECORDED], "body_limit": 1000}))
    try:
        for at, is_refused in ((900, True), (5000, False)):
            body = b"x" * at + MARKER + b"x" * 5000
            sending = Sending(RECORDED, [post(b"text/plain", body)], until=ANSWER)
            assert send(lab, ORIGINS["ipv4"], sending).is_refused == is_refused, at
    finally:
        put(lab, key, policy())


def test_a_content_encoding_is_watched_and_refused_where_the_policy_says_so(
    lab: Lab, key: str, rules: None, origin: Recorder
):
    body = gzip.compress(b"git sends this")
    sending = Sending(
        RECORDED, [post(b"text/plain", body, b"Content-Encoding: gzip")], until=ANSWER
    )
    assert send(lab, ORIGINS["ipv4"], sending).statuses == [200]
    strict = {"type": "http_framing", "reasons": ["http_content_encoding"], "action": "enforce"}
    put(lab, key, policy("strict", rules=[strict]))
    try:
        assert send(lab, ORIGINS["ipv4"], sending).is_refused
    finally:
        put(lab, key, policy())

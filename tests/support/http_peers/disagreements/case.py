"""A request with a place for a word, and functions that make one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Outcome = Literal["refused", "inspected", "either"]
HOST = b"Host: lab\r\n"
SECOND = b"GET /second?$ HTTP/1.1\r\nHost: lab\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"


@dataclass(frozen=True)
class Case:
    """One request, or several on one connection."""

    name: str
    data: bytes
    reason: str | None
    """The reason of the refusal, if it is certain."""
    outcome: Outcome


def refused(name: str, data: bytes, reason: str | None) -> Case:
    """A request that never passes."""
    return Case(name, data, reason, "refused")


def inspected(name: str, data: bytes) -> Case:
    """A request that passes unless it has a bad word."""
    return Case(name, data, None, "inspected")


def either(name: str, data: bytes) -> Case:
    """A request that may be refused even without a bad word."""
    return Case(name, data, None, "either")


def get(*lines: bytes, target: bytes = b"/?$") -> bytes:
    """A GET with these header lines, which include their line ends."""
    return b"GET " + target + b" HTTP/1.1\r\n" + HOST + b"".join(lines) + b"\r\n"


def post(fields: bytes, body: bytes) -> bytes:
    """A form's request with these framing fields."""
    return b"POST /form?$ HTTP/1.1\r\n" + HOST + fields + b"\r\n" + body


def chunks(body: bytes, fields: bytes = b"") -> bytes:
    """A chunked request."""
    return post(CHUNKED + fields, body)


def part(head: bytes, content: bytes = b"$", media_type: bytes = b"; boundary=e") -> bytes:
    """A multipart request with one part."""
    body = b"--e\r\n" + head + b"\r\n\r\n" + content + b"\r\n--e--\r\n"
    return multipart(body, media_type)


def multipart(body: bytes, media_type: bytes = b"; boundary=e") -> bytes:
    """A multipart request with this body; its length is that with the word in place of ``$``."""
    length = len(body) + body.count(b"$") * (WORD_SIZE - 1)
    fields = b"Content-Type: multipart/form-data" + media_type
    fields += b"\r\nContent-Length: %d\r\n" % length
    return b"POST /form HTTP/1.1\r\n" + HOST + fields + b"\r\n" + body


WORD_SIZE = 16
"""Size of every word."""
NAMED = b'Content-Disposition: form-data; name="a"'
SIXTEEN = b"$"
"""A body that only consists of the word."""

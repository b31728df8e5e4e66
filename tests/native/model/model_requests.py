"""Requests, good and bad, and the segments that bring them."""

from __future__ import annotations

import random

from dataplane.model.stages.http.stream import Segment
from tests.native.stages.http.stream_support import get, post

CHUNKED = b"POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
GOOD = (
    get(),
    get(b"/x?y=z", b"Cookie: a=b"),
    get().replace(b"GET", b"HEAD"),
    post(b"a=b&c=d"),
    post(b"x" * 700),
    CHUNKED + b"5\r\nabcde\r\n3\r\nxyz\r\n0\r\n\r\n",
)
BAD = (
    get(b"/attack"),
    post(b"a=attack"),
    post(b"x" * 350 + b"attack"),
    CHUNKED + b"3\r\natt\r\n3\r\nack\r\n0\r\n\r\n",
    CHUNKED + b"zz\r\n",
    CHUNKED + b"5;a=b\r\nabcde\r\n0\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"GET / HTTP/1.1\nHost: a\n\n",
    CHUNKED.replace(b"Host", b"Content-Length: 1\r\nHost") + b"0\r\n\r\n",
    b"\x16\x03\x01\x02\x00",
    get(b"/", b"Connection: close") + get(),
    get(b"/", b"Connection: close") + b"\r\n" + get(),
    b"GET / HTTP/1.0\r\n\r\n" + get(),
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
)


def pieces(rng: random.Random, stream: bytes) -> list[Segment]:
    """Most of a stream in order, some of it twice, swapped, longer, forged, urgent or broken."""
    out, at = [], 0
    while at < len(stream):
        end = min(len(stream), at + rng.choice((1, 3, 20, 60, 200, 1000)))
        first, last = max(0, at - rng.choice((0, 0, 0, 4, 40))), end + rng.choice((0, 0, 5))
        one = Segment(first, stream[first:last], rng.random() < 0.02, rng.random() > 0.03)
        out += [one] * rng.choice((1, 1, 1, 2))
        at = end
    for _ in range(rng.choice((0, 0, 2, 6))):
        one, other = rng.randrange(len(out)), rng.randrange(len(out))
        out[one], out[other] = out[other], out[one]
    if rng.random() < 0.3:
        place = rng.randrange(len(out))
        data = bytearray(out[place].data)
        data[rng.randrange(len(data))] ^= rng.choice((1, 0x20, 0x80))
        out.insert(rng.randrange(len(out) + 1), Segment(out[place].at, bytes(data)))
    return out

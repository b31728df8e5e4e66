"""What ``fuzz_stream.c`` starts from: requests, good and bad, in pieces, and what their host says.

``python -m tests.native.fuzz.stream_corpus`` rewrites ``stream/``, which is committed.
"""

from __future__ import annotations

import itertools
import random
import struct
from collections.abc import Iterator
from pathlib import Path

CORPUS = Path(__file__).with_name("stream")
CLIENT, HOST, TIME, CLIENT_OPENS, HOST_OPENS = 0, 2, 3, 4, 5
FIN, RST, URG, WRONG, FAR = 8, 16, 32, 64, 128
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
REQUESTS = {
    "get": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "post": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nbody body",
    "chunked": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5\r\nabcde\r\n0\r\n\r\n",
    "long": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\nx",
    "two-hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "smuggled": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "close": b"GET / HTTP/1.0\r\n\r\nGET / HTTP/1.0\r\n\r\n",
    "lf": b"GET / HTTP/1.1\nHost: a\n\n",
    "tls": b"\x16\x03\x01\x02\x00\x01\x00",
}


def step(kind: int, a: int = 0, b: int = 0, payload: bytes = b"") -> bytes:
    """One step; see ``fuzz_stream.c``."""
    return struct.pack("<BHHB", kind, a, b, len(payload)) + payload


def inputs() -> Iterator[tuple[str, bytes]]:
    """Names and contents."""
    for number, (name, request) in enumerate(REQUESTS.items()):
        rng = random.Random(number)
        stream = REQUESTS["get"] + request + REQUESTS["get"]
        cuts = sorted({0, len(stream), *(rng.randrange(len(stream)) for _ in range(4))})
        parts = [step(CLIENT, at, 0, stream[at:end]) for at, end in itertools.pairwise(cuts)]
        for order in ("in-order", "shuffled"):
            if order == "shuffled":
                rng.shuffle(parts)
            answer = step(HOST, len(stream), 0, OK)
            yield f"{name}-{order}", bytes([number % 8]) + b"".join(parts) + answer + parts[0]
    anew = step(CLIENT_OPENS, 500) + step(HOST_OPENS, 500, 7) + step(CLIENT, 0, 0, OK)
    yield "far", b"\0" + step(CLIENT, 65535, 0, b"x" * 200) + step(CLIENT | FAR, 65535, 0, b"y")
    yield "anew", b"\0" + step(CLIENT, 0, 0, REQUESTS["get"]) + anew
    ended = step(CLIENT | RST) + step(TIME, 250) + step(CLIENT, 0, 0, REQUESTS["get"])
    yield "ended", b"\4" + ended + step(CLIENT | FIN, 26) + step(CLIENT | URG | WRONG, 5, 0, OK)


def main() -> None:
    """Write what is missing or differs."""
    CORPUS.mkdir(exist_ok=True)
    for name, data in inputs():
        (CORPUS / name).write_bytes(data)


if __name__ == "__main__":
    main()

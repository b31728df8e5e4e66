"""Requests whose end servers see at different places: lengths, codings, several at a time."""

from __future__ import annotations

from tests.support.http_peers.disagreements.case import (
    CHUNKED,
    HOST,
    SECOND,
    SIXTEEN,
    chunks,
    either,
    get,
    inspected,
    post,
    refused,
)

LENGTHS = [
    refused(
        "length twice, equal",
        post(b"Content-Length: 16\r\n" * 2, SIXTEEN),
        "http_content_length_repeated",
    ),
    refused(
        "length twice, different",
        post(b"Content-Length: 0\r\nContent-Length: 16\r\n", SIXTEEN),
        "http_content_length_repeated",
    ),
    refused("list of lengths", post(b"Content-Length: 16, 16\r\n", SIXTEEN), "http_content_length"),
    refused("plus", post(b"Content-Length: +16\r\n", SIXTEEN), "http_content_length"),
    refused("minus", post(b"Content-Length: -16\r\n", SIXTEEN), "http_content_length"),
    refused("hexadecimal", post(b"Content-Length: 0x10\r\n", SIXTEEN), "http_content_length"),
    refused("empty length", post(b"Content-Length:\r\n", SECOND), "http_content_length"),
    refused(
        "too large",
        post(b"Content-Length: 99999999999999999999\r\n", SIXTEEN),
        "http_content_length",
    ),
    either("blank and tab behind it", post(b"Content-Length: 16 \t\r\n", SIXTEEN)),
    inspected("blank behind it", post(b"Content-Length: 16 \r\n", SIXTEEN)),
    inspected("zeros before it", post(b"Content-Length: 0016\r\n", SIXTEEN)),
    either("twenty digits", post(b"Content-Length: 00000000000000000016\r\n", SIXTEEN)),
    refused(
        "length and chunked",
        post(b"Content-Length: 5\r\n" + CHUNKED, b"0\r\n\r\n" + SECOND),
        "http_length_and_chunked",
    ),
    refused(
        "chunked and length",
        post(CHUNKED + b"Content-Length: 5\r\n", b"0\r\n\r\n" + SECOND),
        "http_length_and_chunked",
    ),
    inspected("GET with a body", get(b"Content-Length: 16\r\n") + SIXTEEN),
    inspected("GET in chunks", get(CHUNKED) + b"10\r\n$\r\n0\r\n\r\n"),
    inspected("HEAD with a body", b"HEAD /?a HTTP/1.1\r\n" + HOST + b"Content-Length: 16\r\n\r\n$"),
]
CODINGS = [
    refused(
        name,
        post(b"Transfer-Encoding:" + value + b"\r\n", b"10\r\n$\r\n0\r\n\r\n"),
        "http_transfer_encoding",
    )
    for name, value in (
        ("gzip, chunked", b" gzip, chunked"),
        ("chunked twice in a list", b" chunked, chunked"),
        ("chunked not last", b" chunked, identity"),
        ("leading comma", b" , chunked"),
        ("unknown coding", b" xchunked"),
        ("identity", b" identity"),
        ("parameter", b" chunked;q=1"),
        ("quoted", b' "chunked"'),
    )
] + [
    refused(
        "chunked in two lines", post(CHUNKED * 2, b"10\r\n$\r\n0\r\n\r\n"), "http_transfer_encoding"
    ),
    refused(
        "identity before chunked",
        post(b"Transfer-Encoding: identity\r\n" + CHUNKED, b"10\r\n$\r\n0\r\n\r\n"),
        "http_transfer_encoding",
    ),
    refused(
        "empty coding and a length",
        post(b"Transfer-Encoding:\r\nContent-Length: 16\r\n", SIXTEEN),
        "http_transfer_encoding",
    ),
    refused(
        "chunked in 1.0",
        b"POST /?a HTTP/1.0\r\n" + HOST + CHUNKED + b"\r\n10\r\n$\r\n0\r\n\r\n",
        "http_chunked_in_1_0",
    ),
    either(
        "chunked in upper case", post(b"Transfer-Encoding: CHUNKED\r\n", b"10\r\n$\r\n0\r\n\r\n")
    ),
    inspected("chunks", chunks(b"8\r\nabcdefgh\r\n10\r\n$\r\n0\r\n\r\n")),
    inspected("zeros before a size", chunks(b"0010\r\n$\r\n0\r\n\r\n")),
    inspected("upper case size", chunks(b"1A\r\n$abcdefghij\r\n0\r\n\r\n")),
    refused("extension", chunks(b"10;x=y\r\n$\r\n0\r\n\r\n"), "http_chunk_extension"),
    refused("quoted extension", chunks(b'10;x="y;\\"z"\r\n$\r\n0\r\n\r\n'), "http_chunk_extension"),
    refused(
        "long extension",
        chunks(b"10;" + b"x" * 300 + b"\r\n$\r\n0\r\n\r\n"),
        "http_chunk_extension",
    ),
    refused("blank before an extension", chunks(b"10 ;x=y\r\n$\r\n0\r\n\r\n"), "http_chunk"),
    refused("blank behind a size", chunks(b"10 \r\n$\r\n0\r\n\r\n"), "http_chunk"),
    refused("0x before a size", chunks(b"0x10\r\n$\r\n0\r\n\r\n"), "http_chunk"),
    refused("plus before a size", chunks(b"+10\r\n$\r\n0\r\n\r\n"), "http_chunk"),
    refused("bare LF behind a size", chunks(b"10\n$\r\n0\r\n\r\n"), "http_chunk"),
    refused("bare LF behind a chunk", chunks(b"10\r\n$\n0\r\n\r\n"), "http_chunk"),
    refused("bare LF at the end", chunks(b"10\r\n$\r\n0\r\n\n"), "http_trailer"),
    refused("no end of a chunk", chunks(b"10\r\n$0\r\n\r\n"), "http_chunk"),
    refused("size too large", chunks(b"10000000000000010\r\n$\r\n0\r\n\r\n"), "http_chunk"),
    inspected("trailers", chunks(b"10\r\n$\r\n0\r\nX-Probe: $\r\n\r\n")),
    refused("Host in a trailer", chunks(b"10\r\n$\r\n0\r\nHost: evil\r\n\r\n"), "http_trailer"),
    refused(
        "length in a trailer", chunks(b"10\r\n$\r\n0\r\nContent-Length: 5\r\n\r\n"), "http_trailer"
    ),
    refused(
        "coding in a trailer",
        chunks(b"10\r\n$\r\n0\r\nTransfer-Encoding: x\r\n\r\n"),
        "http_trailer",
    ),
]
SEVERAL = [
    refused(
        "behind Connection: close",
        get(b"Connection: close\r\n", target=b"/") + SECOND,
        "http_after_close",
    ),
    refused(
        "behind close and keep-alive",
        get(b"Connection: Close, keep-alive\r\n", target=b"/") + SECOND,
        "http_after_close",
    ),
    refused(
        "behind Proxy-Connection: close",
        get(b"Proxy-Connection: close\r\n", target=b"/") + SECOND,
        "http_after_close",
    ),
    refused("behind 1.0", b"GET / HTTP/1.0\r\n" + HOST + b"\r\n" + SECOND, "http_after_close"),
    inspected(
        "behind 1.0 that keeps alive",
        b"GET / HTTP/1.0\r\n" + HOST + b"Connection: keep-alive\r\n\r\n" + SECOND,
    ),
    inspected("pipelined", get(target=b"/") + SECOND),
    inspected(
        "behind an upgrade that nobody makes",
        get(b"Upgrade: foo\r\nConnection: upgrade\r\n", target=b"/") + SECOND,
    ),
    inspected(
        "behind a websocket that nobody makes",
        get(b"Upgrade: websocket\r\nConnection: upgrade\r\n", target=b"/") + SECOND,
    ),
    refused(
        "h2c",
        get(b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABk\r\n")
        + SECOND,
        "http_upgrade",
    ),
    refused(
        "behind CONNECT", b"CONNECT lab:80 HTTP/1.1\r\n" + HOST + b"\r\n" + SECOND, "http_connect"
    ),
    inspected(
        "100-continue with its body",
        post(b"Expect: 100-continue\r\nContent-Length: 16\r\n", SIXTEEN),
    ),
    refused("another expectation", get(b"Expect: 200-ok\r\n"), "http_expect"),
]

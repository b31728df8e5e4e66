"""Requests that are read differently and whose end can't be known, with their faults."""

from __future__ import annotations

from tests.native.stages.http.peers.request_parts import (
    CHUNKED,
    END,
    GET,
    HEADERS_MAX,
    HOST,
    LAST,
    LINE_MAX,
    POST,
    TO_MAX,
    get,
    line,
    posted,
    with_headers,
)

BROKEN: dict[str, tuple[bytes, str]] = {
    # B1: line ends
    "LF ends the request line": (b"GET / HTTP/1.1\n" + HOST + END, "LINE_END"),
    "LF ends a header": (GET + b"Host: a\nB: c\r\n\r\n", "LINE_END"),
    "LF ends the head": (GET + HOST + b"\n", "LINE_END"),
    "CR ends the request line": (b"GET / HTTP/1.1\r" + HOST + END, "LINE_END"),
    "CR ends a header": (GET + b"Host: a\rB: c\r\n\r\n", "LINE_END"),
    "CR CR LF ends a header": (GET + b"Host: a\r\r\n\r\n", "LINE_END"),
    "CR CR LF ends the head": (GET + HOST + b"\r\r\n", "LINE_END"),
    "LF ends an empty value": (GET + b"Host:\nB: c\r\n\r\n", "LINE_END"),
    # B2
    "two lengths": (posted(b"Content-Length: 5", b"Content-Length: 5"), "CONTENT_LENGTH_REPEATED"),
    "two different lengths": (
        posted(b"Content-Length: 5", b"Content-Length: 6"),
        "CONTENT_LENGTH_REPEATED",
    ),
    **{
        f"length {value.decode()!r}": (posted(b"Content-Length: " + value), "CONTENT_LENGTH")
        for value in (
            *(b"5, 5", b"+5", b"-5", b"", b"5\t", b"5 \t", b"0x5", b"5 5", b"5;", b"5.0", b"five"),
            *(b"99999999999999999999", b"18446744073709551616"),
        )
    },
    "length of 2 ** 62 and 1": (posted(b"Content-Length: 4611686018427387905"), "CONTENT_LENGTH"),
    # B3
    "length, then chunked": (
        posted(b"Content-Length: 5", b"Transfer-Encoding: chunked"),
        "LENGTH_AND_CHUNKED",
    ),
    "chunked, then length": (
        posted(b"Transfer-Encoding: chunked", b"Content-Length: 5"),
        "LENGTH_AND_CHUNKED",
    ),
    **{
        f"encoding {value.decode()!r}": (
            posted(b"Transfer-Encoding: " + value, body=LAST),
            "TRANSFER_ENCODING",
        )
        for value in (
            *(b"chunked\t", b"gzip", b"identity", b"xchunked", b"chunkedx", b"chunked, gzip"),
            *(b"chunked, chunked", b"chunked,", b"chunked;q=1", b'"chunked"'),
        )
    },
    "chunked twice": (
        posted(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked", body=LAST),
        "TRANSFER_ENCODING",
    ),
    "gzip of GET": (with_headers(b"Transfer-Encoding: gzip"), "TRANSFER_ENCODING"),
    # B4
    "blank before the colon": (GET + b"Host : a\r\n\r\n", "HEADER_COLON"),
    "tab before the colon": (GET + b"Host\t: a\r\n\r\n", "HEADER_COLON"),
    "blank in a name": (GET + b"A b: c\r\n\r\n", "HEADER_COLON"),
    "no colon": (GET + b"Host\r\nA: b\r\n\r\n", "HEADER_COLON"),
    "byte beyond ASCII in a name": (GET + b"A\xe4: c\r\n\r\n", "HEADER_NAME"),
    "bracket in a name": (GET + b"A(: c\r\n\r\n", "HEADER_NAME"),
    "NUL in a name": (GET + b"A\0: c\r\n\r\n", "HEADER_NAME"),
    "no name": (GET + b": c\r\n\r\n", "HEADER_NAME"),
    # B5
    "folded": (GET + b"A: b\r\n c\r\n\r\n", "HEADER_FOLD"),
    "folded with a tab": (GET + b"A: b\r\n\tc\r\n\r\n", "HEADER_FOLD"),
    "folded from the start": (GET + b"A:\r\n c\r\n\r\n", "HEADER_FOLD"),
    "folded length": (POST + b"Content-Length:\r\n 5\r\n\r\nhello", "HEADER_FOLD"),
    "folded encoding": (POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n" + LAST, "HEADER_FOLD"),
    "folded with nothing": (GET + b"A: b\r\n \r\n\r\n", "HEADER_FOLD"),
    "first line folded": (GET + b" A: b\r\n\r\n", "HEADER_FOLD"),
    # B6
    **{
        f"chunk {chunk.decode('latin-1')!r}": (CHUNKED + chunk + LAST, "CHUNK")
        for chunk in (
            *(b"5 ;x=y\r\nhello\r\n", b"5 \r\nhello\r\n", b"5\t\r\nhello\r\n", b"0x5\r\nhello\r\n"),
            *(b"+5\r\nhello\r\n", b"-5\r\nhello\r\n", b" 5\r\nhello\r\n", b"5\nhello\r\n"),
            *(
                b"5\r\nhello\n",
                b"5\r\nhelloX\r\n",
                b"5\r\nhello",
                b"\r\n",
                b"g\r\n",
                b"5\rhello\r\n",
            ),
            *(b"5; x=y\r\nhello\r\n", b"5;\r\nhello\r\n", b"fffffffffffffffff\r\n"),
            b"4000000000000001\r\n",
        )
    },
    **{
        f"chunk {chunk.decode('latin-1')!r}": (CHUNKED + chunk + LAST, "CHUNK")
        for chunk in (
            *(b"5;x\nhello\r\n", b"5;x =y\r\nhello\r\n", b"5;x=y z\r\nhello\r\n"),
            *(b"5;x=\x01\r\nhello\r\n", b"5;x\x00\r\nhello\r\n"),
        )
    },
    "chunk line of more": (
        CHUNKED + b"5;" + b"x" * LINE_MAX + b"\r\nhello\r\n" + LAST,
        "CHUNK",
    ),
    "LF as the last line end": (CHUNKED + b"0\r\n\n", "TRAILER TRAILERS"),
    "LF ends a trailer": (CHUNKED + b"0\r\nA: b\n\r\n", "TRAILER TRAILERS"),
    "folded trailer": (CHUNKED + b"0\r\nA: b\r\n c\r\n\r\n", "TRAILER TRAILERS"),
    "trailer without a colon": (CHUNKED + b"0\r\nA\r\n\r\n", "TRAILER TRAILERS"),
    "a length as a trailer": (CHUNKED + b"0\r\nContent-Length: 5\r\n\r\n", "TRAILER TRAILERS"),
    "an encoding as a trailer": (
        CHUNKED + b"0\r\nTransfer-Encoding: chunked\r\n\r\n",
        "TRAILER TRAILERS",
    ),
    "trailers of more": (
        CHUNKED + b"0\r\nX: " + b"y" * LINE_MAX + b"\r\n\r\n",
        "TRAILER TRAILERS",
    ),
    # B7
    "tab after the method": (b"GET\t/ HTTP/1.1\r\n" + HOST + END, "REQUEST_LINE"),
    "tab before the version": (b"GET /\tHTTP/1.1\r\n" + HOST + END, "REQUEST_LINE"),
    "blank after the version": (b"GET / HTTP/1.1 \r\n" + HOST + END, "REQUEST_LINE"),
    "tab after the version": (b"GET / HTTP/1.1\t\r\n" + HOST + END, "REQUEST_LINE"),
    "blank before the method": (b" GET / HTTP/1.1\r\n" + HOST + END, "REQUEST_LINE"),
    "tab before the method": (b"\tGET / HTTP/1.1\r\n" + HOST + END, "REQUEST_LINE"),
    "VT before the method": (b"\x0bGET / HTTP/1.1\r\n" + HOST + END, "REQUEST_LINE"),
    "NEL before the method": (b"\x85GET / HTTP/1.1\r\n" + HOST + END, "REQUEST_LINE"),
    "blank in the target": (get(b"/a b"), "REQUEST_LINE"),
    "method in lower case": (get(b"/", b"get"), "METHOD"),
    "method in mixed case": (get(b"/", b"Get"), "METHOD"),
    "unknown method": (get(b"/", b"FOO"), "METHOD"),
    "a longer method": (get(b"/", b"GETX"), "METHOD"),
    "method of RTSP": (get(b"/", b"DESCRIBE"), "METHOD"),
    "method with a NUL": (get(b"/", b"GET\0"), "METHOD"),
    "HTTP/1.2": (get(b"/", version=b"HTTP/1.2"), "VERSION"),
    "HTTP/1.10": (get(b"/", version=b"HTTP/1.10"), "VERSION"),
    "HTTP/1.1x": (get(b"/", version=b"HTTP/1.1x"), "VERSION"),
    "HTTP/11": (get(b"/", version=b"HTTP/11"), "VERSION"),
    "HTTP/3.0": (get(b"/", version=b"HTTP/3.0"), "VERSION"),
    "http/1.1": (get(b"/", version=b"http/1.1"), "VERSION"),
    "HTTP 1.1": (get(b"/", version=b"HTTP 1.1"), "VERSION"),
    "no version": (b"GET /\r\n" + HOST + END, "VERSION"),
    "no version, LF": (b"GET /\n" + HOST + END, "VERSION"),
    "a blank for a version": (b"GET / \r\n" + HOST + END, "VERSION"),
    "another protocol": (get(b"/", version=b"RTP/1.0"), "PROTOCOL"),
    "HTTP/2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "PREFACE"),
    "PRI of HTTP/1.1": (get(b"*", b"PRI"), "PREFACE"),
    # B8
    "NUL in a value": (GET + b"A: a\0b\r\n\r\n", "HEADER_VALUE"),
    **{
        f"byte {byte:#x} in a value": (GET + b"A: a%cb\r\n\r\n" % byte, "HEADER_VALUE")
        for byte in (*range(1, 9), 11, 12, *range(14, 32), 127)
    },
    **{
        f"control byte in {name.decode()}": (
            GET + name + b": " + value + b"\x0b\r\n\r\n",
            "HEADER_VALUE",
        )
        for name, value in (
            *((b"Connection", b"close"), (b"Transfer-Encoding", b"chunked"), (b"Upgrade", b"x")),
            *((b"Host", b"a"), (b"Expect", b"100-continue")),
        )
    },
    # B10
    "byte beyond ASCII alone": (get(b"\xe4"), "TARGET_FORM"),
    "byte beyond ASCII in the method": (get(b"/", b"G\xe4T"), "METHOD"),
    "byte beyond ASCII behind the target": (get(b"/ \xe4"), "REQUEST_LINE"),
    "byte beyond ASCII in the version": (get(b"/\xe4", version=b"HTTP/1.\xe4"), "VERSION"),
    "byte beyond ASCII, tab": (get(b"/\xe4\t"), "REQUEST_LINE"),
    "NUL in the target": (get(b"/a\0b"), "TARGET"),
    "DEL in the target": (get(b"/\x7f"), "TARGET"),
    "VT in the target": (get(b"/\x0b"), "TARGET"),
    "no slash": (get(b"a"), "TARGET_FORM"),
    "query alone": (get(b"?a"), "TARGET_FORM"),
    "empty target": (b"GET  HTTP/1.1\r\n" + HOST + END, "TARGET_FORM"),
    # B12
    "CONNECT with a body": (
        b"CONNECT a:80 HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\nhello",
        "CONNECT",
    ),
    # B13
    "one header more": (with_headers(*[b"X: y"] * HEADERS_MAX), "HEADER_COUNT"),
    "one byte more": (with_headers(*[line(LINE_MAX)] * 3, line(TO_MAX + 1)), "HEAD_SIZE"),
    # not HTTP
    **{
        f"not HTTP {data!r:.20}": (data, "OTHER")
        for data in (b"\x16\x03\x01\0\xf5", b"\0", b"\x80", b"{}", b"[", b"(", b"\x1b", b"\xff\xfb")
    },
    "SSH": (b"SSH-2.0-OpenSSH_9.2\r\n", "METHOD"),
}
"""By name: the request, and the faults of it."""

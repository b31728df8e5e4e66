"""Requests that servers and parsers read differently, and what the node finds in them.

Each is from a comparison of nginx, Apache, HAProxy, Gunicorn, Node.js, Werkzeug, h11 and Python's
own server, which disagree about every one: some refuse it, some serve it, some see another request.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

HOST = b"Host: a\r\n"
GET = b"GET / HTTP/1.1\r\n"
POST = b"POST / HTTP/1.1\r\n" + HOST
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
END = b"\r\n"
LAST = b"0\r\n\r\n"
LINE_MAX, HEAD_MAX, HEADERS_MAX, TRAILERS_MAX = 8192, 32768, 100, 16


@dataclass(frozen=True)
class Case:
    """A request, and the faults that are to be found."""

    name: str
    data: bytes
    faults: frozenset[str]
    is_broken: bool = False
    """Where it ends can't be known."""


def cases() -> Iterator[Case]:
    """All of them; a name is unique."""
    for broken, rows in ((False, _READ), (True, _BROKEN)):
        for name, (data, faults) in rows.items():
            yield Case(name, data, frozenset(faults.split()), broken)


def with_headers(*lines: bytes, start: bytes = GET + HOST) -> bytes:
    """A request without a body that has these headers besides."""
    return start + b"".join(line + b"\r\n" for line in lines) + END


def line(size: int) -> bytes:
    """A header line of so many bytes, CRLF included."""
    return b"X: " + b"v" * (size - 5)


def get(target: bytes, method: bytes = b"GET", version: bytes = b"HTTP/1.1") -> bytes:
    """A request for a target."""
    return b"%s %s %s\r\n" % (method, target, version) + HOST + END


def posted(*lines: bytes, body: bytes = b"hello") -> bytes:
    """A POST with these headers, and a body."""
    return with_headers(*lines, start=POST) + body


def typed(value: bytes) -> bytes:
    """A POST with a Content-Type."""
    return posted(b"Content-Type: " + value, b"Content-Length: 5")


_TO_MAX = HEAD_MAX - len(with_headers(*[line(LINE_MAX)] * 3))

# Of these the end is known: they are parsed to it whatever the faults' modes are.
_READ: dict[str, tuple[bytes, str]] = {
    # empty lines before the request line
    "one empty line before": (END + GET + HOST + END, ""),
    "two empty lines before": (END + END + GET + HOST + END, "LEADING"),
    "bare LFs before": (b"\n\n" + GET + HOST + END, "LEADING"),
    "one bare LF before": (b"\n" + GET + HOST + END, "LEADING"),
    "a bare CR before": (b"\r" + GET + HOST + END, "LEADING"),
    "CR CR LF before": (b"\r\r\n" + GET + HOST + END, "LEADING"),
    # B7: request line
    "two blanks after the method": (b"GET  / HTTP/1.1\r\n" + HOST + END, "REQUEST_LINE"),
    "two blanks before the version": (b"GET /  HTTP/1.1\r\n" + HOST + END, "REQUEST_LINE"),
    "HTTP/2.0 as text": (get(b"/", version=b"HTTP/2.0"), "VERSION"),
    "HTTP/0.9 said": (get(b"/", version=b"HTTP/0.9"), "VERSION"),
    "RTSP": (b"DESCRIBE rtsp://a/ RTSP/1.0\r\n" + HOST + END, "PROTOCOL TARGET_FORM"),
    "GET of RTSP": (get(b"/", version=b"RTSP/1.0"), "PROTOCOL"),
    "ICE": (get(b"/a", b"SOURCE", b"ICE/1.0"), "PROTOCOL"),
    "RTSP behind two blanks": (b"GET /  RTSP/1.0\r\n" + HOST + END, "PROTOCOL REQUEST_LINE"),
    "CONNECT": (b"CONNECT a:80 HTTP/1.1\r\n" + HOST + END, "CONNECT"),
    # B9, B10: target
    "bytes beyond ASCII in the target": (get("/\xe4\u20ac".encode()), "TARGET"),
    "byte beyond ASCII in the query": (get(b"/?\xe4=\x85"), "TARGET"),
    "byte beyond ASCII in the scheme": (get(b"h\xe4ttp://a/"), "TARGET TARGET_FORM"),
    "byte beyond ASCII in the authority": (
        get(b"http://\xe4/"),
        "TARGET HOST_INVALID HOST_DIFFERS",
    ),
    "fragment": (get(b"/a#b"), "TARGET_FRAGMENT"),
    "fragment with a query": (get(b"/a#b?c"), "TARGET_FRAGMENT"),
    "scheme ftp": (get(b"ftp://b/"), "TARGET_FORM"),
    "no authority": (get(b"http:///"), "TARGET_FORM"),
    "* of GET": (get(b"*"), "TARGET_FORM"),
    "* and more": (get(b"*x", b"OPTIONS"), "TARGET_FORM"),
    "* of OPTIONS": (get(b"*", b"OPTIONS"), ""),
    "absolute, the same": (get(b"http://A.:81/x"), ""),
    "absolute, https": (get(b"HTTPS://a"), ""),
    "absolute, another": (get(b"http://b/"), "HOST_DIFFERS"),
    "absolute, a longer one": (get(b"http://ab/"), "HOST_DIFFERS"),
    "absolute with userinfo": (get(b"http://u@a/"), "HOST_INVALID HOST_DIFFERS"),
    "absolute without Host in 1.0": (b"GET http://a/ HTTP/1.0\r\n\r\n", ""),
    "absolute with userinfo in 1.0": (b"GET http://u@a/ HTTP/1.0\r\n\r\n", "HOST_INVALID"),
    # B9: Host
    "no Host": (GET + END, "HOST_MISSING"),
    "no Host in 1.0": (b"GET / HTTP/1.0\r\n\r\n", ""),
    "two Hosts": (with_headers(b"Host: b"), "HOST_REPEATED"),
    "two equal Hosts": (with_headers(b"host: a"), "HOST_REPEATED"),
    "empty Host": (GET + b"Host:\r\n\r\n", "HOST_INVALID"),
    "empty Host in 1.0": (b"GET / HTTP/1.0\r\nHost: \r\n\r\n", "HOST_INVALID"),
    **{
        f"Host {host.decode('latin-1')}": (GET + b"Host: " + host + b"\r\n\r\n", "HOST_INVALID")
        for host in (
            *(
                b"a,b",
                b"a, b",
                b"a b",
                b"u@a",
                b"u:p@a",
                b"a/b",
                b"a?b",
                b"a#b",
                b"a:b",
                b"a:80:80",
            ),
            *(
                b"a:123456",
                b":80",
                b"[::1",
                b"[]",
                b"::1",
                b"[::1]x",
                b"[g]",
                b"a%2eb",
                b"\xe4",
                b"a\\b",
            ),
        )
    },
    **{
        f"Host {host.decode('latin-1')}": (GET + b"Host: " + host + b"\r\n\r\n", "")
        for host in (
            b"a.b-c_d",
            b"a:80",
            b"a:",
            b"A.",
            b"192.0.2.1:8080",
            b"[::1]",
            b"[::ffff:1.2.3.4]:80",
        )
    },
    # B2: Content-Length
    "length of zeros": (posted(b"Content-Length: 00000000000000000005"), ""),
    "length with blanks": (posted(b"Content-Length:   5  "), ""),
    "length behind a tab": (posted(b"Content-Length:\t5"), "CONTENT_LENGTH"),
    # B3: Transfer-Encoding
    "empty encoding and a length": (
        posted(b"Transfer-Encoding:", b"Content-Length: 5"),
        "TRANSFER_ENCODING LENGTH_AND_CHUNKED",
    ),
    "gzip, chunked": (posted(b"Transfer-Encoding: gzip, chunked", body=LAST), "TRANSFER_ENCODING"),
    "a leading comma": (posted(b"Transfer-Encoding: ,chunked", body=LAST), "TRANSFER_ENCODING"),
    "Chunked": (posted(b"Transfer-Encoding: Chunked", body=LAST), "TRANSFER_ENCODING"),
    "identity, then chunked": (
        posted(b"Transfer-Encoding: identity", b"Transfer-Encoding: chunked", body=LAST),
        "TRANSFER_ENCODING",
    ),
    "chunked with blanks": (posted(b"Transfer-Encoding:  chunked  ", body=LAST), ""),
    "chunked behind a tab": (posted(b"Transfer-Encoding: \tchunked", body=LAST), ""),
    "empty encoding": (with_headers(b"Transfer-Encoding:"), "TRANSFER_ENCODING"),
    # B14
    "chunked in 1.0": (
        b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n" + LAST,
        "CHUNKED_IN_1_0",
    ),
    # B6: chunks and trailers
    "chunk": (CHUNKED + b"5\r\nhello\r\n" + LAST, ""),
    "chunk of zeros": (CHUNKED + b"0000000000000005\r\nhello\r\n" + LAST, ""),
    "chunk of too many zeros": (CHUNKED + b"00000000000000005\r\nhello\r\n" + LAST, "CHUNK"),
    "last chunk of too many zeros": (CHUNKED + b"0" * 17 + b"\r\n\r\n", "CHUNK"),
    "too many zeros, extension": (
        CHUNKED + b"00000000000000005;a\r\nhello\r\n" + LAST,
        "CHUNK CHUNK_EXTENSION",
    ),
    "extension": (CHUNKED + b"5;x=y\r\nhello\r\n" + LAST, "CHUNK_EXTENSION"),
    "quoted extension": (CHUNKED + b'5;x=";\\""\r\nhello\r\n' + LAST, "CHUNK_EXTENSION"),
    "long extension": (CHUNKED + b"5;%s\r\nhello\r\n" % (b"x" * 300) + LAST, "CHUNK_EXTENSION"),
    "extension of the last chunk": (CHUNKED + b"0;x\r\n\r\n", "CHUNK_EXTENSION"),
    "trailer": (CHUNKED + b"0\r\nX: y\r\n\r\n", "TRAILERS"),
    "Host as a trailer": (CHUNKED + b"0\r\nhOST: y\r\n\r\n", "TRAILERS TRAILER"),
    "most trailers": (CHUNKED + b"0\r\n" + b"X: y\r\n" * TRAILERS_MAX + END, "TRAILERS"),
    "too many trailers": (
        CHUNKED + b"0\r\n" + b"X: y\r\n" * (TRAILERS_MAX + 1) + END,
        "TRAILERS TRAILER",
    ),
    **{
        f"{name} as a trailer": (
            CHUNKED + b"0\r\n%s: y\r\n\r\n" % name.encode(),
            "TRAILERS TRAILER",
        )
        for name in (
            *("Authorization", "Connection", "Content-Encoding", "Content-Range", "Content-Type"),
            *("Cookie", "Expect", "Keep-Alive", "Proxy-Connection", "Proxy-Authorization", "TE"),
            *("Trailer", "Upgrade"),
        )
    },
    "a trailer of a longer name": (CHUNKED + b"0\r\nHost-Of: y\r\n\r\n", "TRAILERS"),
    "a trailer of a very long name": (CHUNKED + b"0\r\n%s: y\r\n\r\n" % (b"x" * 99), "TRAILERS"),
    # B8: names and values
    "underscore": (with_headers(b"A_B: c", b"Content_Length: 5"), ""),
    "bytes beyond ASCII in a value": (with_headers(b"A: \x80\xff"), ""),
    # B12
    "h2c": (with_headers(b"Connection: Upgrade", b"Upgrade: h2c"), "UPGRADE"),
    "h2c in a list": (with_headers(b"Upgrade: websocket, H2C"), "UPGRADE"),
    "h2c-14": (with_headers(b"Upgrade: \th2c-14"), "UPGRADE"),
    "another upgrade": (with_headers(b"Connection: upgrade", b"Upgrade: foo"), ""),
    # B11
    "100-continue": (posted(b"Expect: 100-Continue", b"Content-Length: 5"), ""),
    "another Expect": (with_headers(b"Expect: x"), "EXPECT"),
    "an empty Expect": (with_headers(b"Expect:"), "EXPECT"),
    "Expect in a list": (with_headers(b"Expect: 100-continue, x"), "EXPECT"),
    "two Expects": (with_headers(b"Expect: 100-continue", b"Expect: 100-continue"), "EXPECT"),
    "GET with a body": (with_headers(b"Content-Length: 5") + b"hello", "BODY_OF_GET"),
    "GET with a body of 0": (with_headers(b"Content-Length: 0"), ""),
    "HEAD with chunks": (
        with_headers(b"Transfer-Encoding: chunked", start=b"HEAD / HTTP/1.1\r\n" + HOST) + LAST,
        "BODY_OF_GET",
    ),
    # bodies
    "gzip": (posted(b"Content-Encoding: gzip", b"Content-Length: 5"), "CONTENT_ENCODING"),
    "identity": (posted(b"Content-Encoding: Identity", b"Content-Length: 5"), ""),
    "two types": (with_headers(b"Content-Type: a/b", b"Content-Type: a/b"), "CONTENT_TYPE"),
    # B15: boundaries
    "boundary": (typed(b"multipart/form-data; boundary=----WebKitFormBoundaryA1"), ""),
    "quoted boundary": (typed(b'Multipart/Form-Data;Boundary="a;b"'), "MULTIPART_BOUNDARY"),
    "boundary in quotes": (typed(b'multipart/form-data; boundary="a=b"; charset=x'), ""),
    "boundary of 70": (typed(b"multipart/form-data; boundary=" + b"x" * 70), ""),
    "boundary of 71": (
        typed(b"multipart/form-data; boundary=" + b"x" * 71),
        "MULTIPART_BOUNDARY",
    ),
    "an empty parameter": (typed(b"multipart/mixed; ; boundary=a;"), ""),
    "multipart is another type": (typed(b"multipartx/form-data"), ""),
    **{
        f"type {rest.decode('latin-1')}": (
            typed(b"multipart/form-data" + rest),
            "MULTIPART_BOUNDARY",
        )
        for rest in (
            *(b"", b"; boundary=", b'; boundary=""', b"; boundary=a; boundary=b", b"; boundary"),
            *(b"; xboundary=a; boundary=b", b"; boundary*=b; boundary=a", b", boundary=a"),
            *(b'; boundary="a', b'; boundary=a"b"', b'; boundary="a"x', b"; boundary=a b"),
            *(
                b"; x=boundary=b; boundary=a",
                b"; boundary=a\\b",
                b"; boundary=\xe4",
                b" boundary=a",
            ),
            *(b"; x; boundary=a", b'; x="; boundary=b; boundary=a'),
        )
    },
    # B13: limits
    "request line of the most": (get(b"/" + b"a" * (LINE_MAX - 16)), ""),
    "request line of more": (get(b"/" + b"a" * (LINE_MAX - 15)), "LINE_SIZE"),
    "header line of the most": (with_headers(line(LINE_MAX)), ""),
    "header line of more": (with_headers(line(LINE_MAX + 1)), "LINE_SIZE"),
    "header line of more, blanks": (with_headers(b"X:" + b" " * LINE_MAX), "LINE_SIZE"),
    "the most headers": (with_headers(*[b"X: y"] * (HEADERS_MAX - 1)), ""),
    "the largest head": (with_headers(*[line(LINE_MAX)] * 3, line(_TO_MAX)), ""),
}

# Of these it is not: nothing behind the fault is read.
_BROKEN: dict[str, tuple[bytes, str]] = {
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
    "one byte more": (with_headers(*[line(LINE_MAX)] * 3, line(_TO_MAX + 1)), "HEAD_SIZE"),
    # not HTTP
    **{
        f"not HTTP {data!r:.20}": (data, "OTHER")
        for data in (b"\x16\x03\x01\0\xf5", b"\0", b"\x80", b"{}", b"[", b"(", b"\x1b", b"\xff\xfb")
    },
    "SSH": (b"SSH-2.0-OpenSSH_9.2\r\n", "METHOD"),
}

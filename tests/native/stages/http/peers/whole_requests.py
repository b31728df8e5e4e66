"""Requests that are read differently and whose end is known: they are parsed up to it, whatever the
modes of the faults are.
"""

from __future__ import annotations

from tests.native.stages.http.peers.request_parts import (
    CHUNKED,
    END,
    GET,
    HEADERS_MAX,
    HOST,
    LAST,
    LINE_MAX,
    TO_MAX,
    TRAILERS_MAX,
    get,
    line,
    posted,
    typed,
    with_headers,
)

WHOLE: dict[str, tuple[bytes, str]] = {
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
    "the largest head": (with_headers(*[line(LINE_MAX)] * 3, line(TO_MAX)), ""),
}
"""By name: the request, and the faults of it."""

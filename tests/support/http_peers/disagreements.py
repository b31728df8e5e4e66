"""Requests that servers read differently, according to measurements of current servers.

Each has ``$`` at a place that some server reads as a value or as a separate request: a test inserts
a word there. ``refused``: always refused, for the reason. ``inspected``: passes, and is refused
because of a rule that matches the word. ``either``: may be refused, but must not pass with a word
that the rule matches.
"""

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

LINES = [
    refused("bare LF everywhere", b"GET /?$ HTTP/1.1\nHost: lab\n\n", "http_line_end"),
    refused(
        "bare LF behind the request line", b"GET /?$ HTTP/1.1\nHost: lab\r\n\r\n", "http_line_end"
    ),
    refused("bare LF behind a header", get(b"X-A: b\nX-Probe: $\r\n"), "http_line_end"),
    refused("bare LF as the last line", b"GET /?$ HTTP/1.1\r\nHost: lab\r\n\n", "http_line_end"),
    refused("lone CR between headers", get(b"X-A: b\rX-Probe: $\r\n"), "http_line_end"),
    refused("CR CR LF", get(b"X-A: b\r\r\nX-Probe: $\r\n"), "http_line_end"),
    refused("blank before the colon", get(b"X-Probe : $\r\n"), "http_header_colon"),
    refused(
        "blank before the colon of a length",
        post(b"Content-Length : 16\r\n", SECOND),
        None,
    ),
    refused("blank in a name", get(b"X Probe: $\r\n"), "http_header_colon"),
    refused("byte over 0x7f in a name", get(b"X-\xe9: $\r\n"), "http_header_name"),
    refused("bracket in a name", get(b"X[a]: $\r\n"), "http_header_name"),
    refused("line without colon", get(b"X-Probe $\r\n"), "http_header_colon"),
    refused("empty name", get(b": $\r\n"), "http_header_name"),
    refused("fold", get(b"X-Probe: a\r\n $\r\n"), "http_header_fold"),
    refused("fold by a tab", get(b"X-Probe: a\r\n\t$\r\n"), "http_header_fold"),
    refused("fold of a length", post(b"Content-Length:\r\n 16\r\n", SIXTEEN), "http_header_fold"),
    refused(
        "fold of the first line", b"GET /?$ HTTP/1.1\r\n Host: lab\r\n\r\n", "http_header_fold"
    ),
    inspected("name with _", get(b"X_Probe: $\r\n")),
    refused("NUL in a value", get(b"X-Probe: a\0$\r\n"), "http_header_value"),
    refused("control byte in a value", get(b"X-Probe: a\x01$\r\n"), "http_header_value"),
    refused("DEL in a value", get(b"X-Probe: a\x7f$\r\n"), "http_header_value"),
    refused("VT in a value", get(b"X-Probe: a\x0b$\r\n"), "http_header_value"),
    refused("FF in a value", get(b"X-Probe: a\x0c$\r\n"), "http_header_value"),
    inspected("0x80 in a value", get(b"X-Probe: a\x80$\r\n")),
    inspected("blanks and tabs around a value", get(b"X-Probe: \t $ \t \r\n")),
    inspected("a header twice", get(b"X-Probe: a\r\nX-Probe: $\r\n")),
    inspected("an empty value", get(b"X-Probe:\r\n")),
]
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
REQUEST_LINES = [
    refused(name, line + b"\r\n" + HOST + b"\r\n", reason)
    for name, line, reason in (
        ("two blanks behind the method", b"GET  /?$ HTTP/1.1", "http_request_line"),
        ("two blanks before the version", b"GET /?$  HTTP/1.1", "http_request_line"),
        ("tabs", b"GET\t/?$\tHTTP/1.1", "http_request_line"),
        ("blank behind the version", b"GET /?$ HTTP/1.1 ", "http_request_line"),
        ("blank before the method", b" GET /?$ HTTP/1.1", "http_request_line"),
        ("lower case method", b"get /?$ HTTP/1.1", "http_method"),
        ("mixed case method", b"Get /?$ HTTP/1.1", "http_method"),
        ("unknown method", b"FOO /?$ HTTP/1.1", "http_method"),
        ("HTTP/1.10", b"GET /?$ HTTP/1.10", "http_version"),
        ("HTTP/1.2", b"GET /?$ HTTP/1.2", "http_version"),
        ("HTTP/2.0", b"GET /?$ HTTP/2.0", "http_version"),
        ("HTTP/0.9", b"GET /?$ HTTP/0.9", "http_version"),
        ("lower case version", b"GET /?$ http/1.1", "http_version"),
        ("no version", b"GET /?$", "http_version"),
        ("RTSP", b"DESCRIBE /?$ RTSP/1.0", "http_protocol"),
        ("ICE", b"SOURCE /?$ ICE/1.0", "http_protocol"),
        ("CONNECT", b"CONNECT lab:80 HTTP/1.1", "http_connect"),
        ("# in the target", b"GET /a#?$ HTTP/1.1", "http_target_fragment"),
        ("NUL in the target", b"GET /\0?$ HTTP/1.1", "http_target"),
        ("byte over 0x7f in the target", b"GET /\xe9?$ HTTP/1.1", "http_target"),
        ("blank in the target", b"GET /a b?$ HTTP/1.1", "http_request_line"),
        ("bad % in the path", b"GET /%zz?$ HTTP/1.1", "http_path_escape"),
        ("half a % in the path", b"GET /a%?$ HTTP/1.1", "http_path_escape"),
        ("path over the root", b"GET /../?$ HTTP/1.1", "http_path_root"),
        ("encoded path over the root", b"GET /a/%2e%2e/%2e%2e/?$ HTTP/1.1", "http_path_root"),
        ("no path", b"GET ?$ HTTP/1.1", "http_target_form"),
        ("ftp", b"GET ftp://lab/?$ HTTP/1.1", "http_target_form"),
    )
] + [
    refused("two line ends before it", b"\r\n\r\n" + get(), "http_leading"),
    refused("LF LF before it", b"\n\n" + get(), "http_leading"),
    inspected("one line end before it", b"\r\n" + get()),
    refused("preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n$", "http_preface"),
    refused("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03$", "http_other"),
    inspected("OPTIONS *", b"OPTIONS * HTTP/1.1\r\n" + HOST + b"X-Probe: $\r\n\r\n"),
]
PATHS = [
    inspected(name, get(target=target))
    for name, target in (
        ("slashes", b"//a///$"),
        ("dots", b"/a/./b/../$"),
        ("encoded dots", b"/a/%2e%2e/$"),
        ("encoded slash", b"/a%2f$"),
        ("semicolon", b"/a;x=y/$"),
        ("bad % in the query", b"/?a=%zz&$"),
        ("absolute URI", b"http://lab/?$"),
        ("absolute URI in upper case, with a port", b"http://LAB:80/?$"),
    )
]
HOSTS = [
    refused("another host in the URI", get(target=b"http://evil/?$"), "http_host_differs"),
    refused("userinfo in the URI", get(target=b"http://a:b@lab/?$"), "http_host_invalid"),
    refused("two different hosts", get(b"Host: evil\r\n"), "http_host_repeated"),
    refused("two equal hosts", get(HOST), "http_host_repeated"),
    refused("no host", b"GET /?$ HTTP/1.1\r\nX-Probe: $\r\n\r\n", "http_host_missing"),
    refused("empty host", b"GET /?$ HTTP/1.1\r\nHost:\r\n\r\n", "http_host_invalid"),
    refused("list of hosts", b"GET /?$ HTTP/1.1\r\nHost: lab, evil\r\n\r\n", "http_host_invalid"),
    refused(
        "slash in the host", b"GET /?$ HTTP/1.1\r\nHost: lab/evil\r\n\r\n", "http_host_invalid"
    ),
    refused(
        "userinfo in the host", b"GET /?$ HTTP/1.1\r\nHost: a@lab\r\n\r\n", "http_host_invalid"
    ),
    inspected("1.0 without host", b"GET /?$ HTTP/1.0\r\n\r\n"),
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
SIZES = [
    refused("long line", get(b"X-Probe: " + b"a" * 8200 + b"$\r\n"), "http_line_size"),
    refused("long request line", get(target=b"/?" + b"a" * 8200 + b"$"), "http_line_size"),
    refused("101 headers", get(b"X-A: b\r\n" * 100 + b"X-Probe: $\r\n"), "http_header_count"),
    refused(
        "long head",
        get(b"".join(b"X-%d: " % n + b"a" * 4000 + b"\r\n" for n in range(9)) + b"X-Probe: $\r\n"),
        "http_head_size",
    ),
    inspected(
        "head of 31 KB",
        get(b"".join(b"X-%d: " % n + b"a" * 3900 + b"\r\n" for n in range(8)) + b"X-Probe: $\r\n"),
    ),
    inspected("99 headers", get(b"X-A: b\r\n" * 97 + b"X-Probe: $\r\n")),
    inspected("long cookie", get(b"Cookie: a=" + b"b" * 7000 + b"$\r\n")),
]
BODIES = [
    inspected("multipart", part(NAMED)),
    inspected("quoted boundary", part(NAMED, media_type=b'; boundary="e"')),
    refused("no boundary", part(NAMED, media_type=b""), "http_multipart_boundary"),
    refused(
        "two boundaries",
        part(NAMED, media_type=b"; boundary=e; boundary=f"),
        "http_multipart_boundary",
    ),
    refused(
        "long boundary",
        part(NAMED, media_type=b"; boundary=" + b"e" * 71),
        "http_multipart_boundary",
    ),
    refused(
        "no last boundary", multipart(b"--e\r\n" + NAMED + b"\r\n\r\n$\r\n"), "http_multipart_end"
    ),
    refused(
        "base64 in a part",
        part(NAMED + b"\r\nContent-Transfer-Encoding: base64"),
        "http_multipart_encoding",
    ),
    refused(
        "quoted-printable in a part",
        part(NAMED + b"\r\nContent-Transfer-Encoding: quoted-printable"),
        "http_multipart_encoding",
    ),
    inspected("8bit in a part", part(NAMED + b"\r\nContent-Transfer-Encoding: 8bit")),
    refused(
        "bare LF in a part",
        multipart(b"--e\n" + NAMED + b"\n\n$\n--e--\n"),
        "http_multipart_syntax",
    ),
    refused(
        "text before the first boundary",
        multipart(b"$\r\n--e\r\n" + NAMED + b"\r\n\r\n1\r\n--e--\r\n"),
        "http_multipart_syntax",
    ),
    refused(
        "folded header in a part",
        part(b"Content-Disposition: form-data;\r\n name=$"),
        "http_multipart_syntax",
    ),
    either("name and name*", part(NAMED + b"; name*=UTF-8''$")),
    refused(
        "two content types",
        post(
            b"Content-Type: text/plain\r\nContent-Type: application/json\r\nContent-Length: 16\r\n",
            SIXTEEN,
        ),
        "http_content_type",
    ),
    refused(
        "UTF-16 in JSON",
        post(
            b"Content-Type: application/json\r\nContent-Length: 14\r\n",
            '{"a":1}'.encode("utf-16-le"),
        ),
        "http_body_charset",
    ),
]
CASES = [*LINES, *LENGTHS, *CODINGS, *REQUEST_LINES, *PATHS, *HOSTS, *SEVERAL, *SIZES, *BODIES]

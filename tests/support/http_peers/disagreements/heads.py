"""Heads that servers read differently: lines, request lines, paths, hosts, sizes."""

from __future__ import annotations

from tests.support.http_peers.disagreements.case import (
    HOST,
    SECOND,
    SIXTEEN,
    get,
    inspected,
    post,
    refused,
)

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

"""Bodies that servers read differently."""

from __future__ import annotations

from tests.support.http_peers.disagreements.case import (
    NAMED,
    SIXTEEN,
    either,
    inspected,
    multipart,
    part,
    post,
    refused,
)

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

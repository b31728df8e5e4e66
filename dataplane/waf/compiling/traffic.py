"""Sample traffic for timing rules: typical requests, which rules are not meant to match.

Written for this purpose: heads of browsers and API clients, forms, JSON, long cookies. A request is
a list of the pieces that are scanned: its raw head, then its values joined by LF.
"""

from __future__ import annotations

import re

OWN_BYTES = 2048
_NO_TEXT = re.compile(r"\\.|\(\?[^)]*\)?|\{[^}]*\}|[^A-Za-z0-9<>/~=#_%&;:,!@'\"-]", re.ASCII)
"""Characters of a pattern that do not stand for themselves."""

_BROWSER = (
    "Host: shop.example.com\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
    "Accept-Language: en-GB,en;q=0.7,de;q=0.3\r\nAccept-Encoding: gzip, deflate, br\r\n"
    "Referer: https://shop.example.com/catalogue/garden/chairs?page=2&sort=price\r\n"
    "Connection: keep-alive\r\nUpgrade-Insecure-Requests: 1\r\nSec-Fetch-Dest: document\r\n"
    "Sec-Fetch-Mode: navigate\r\nSec-Fetch-Site: same-origin\r\nSec-Fetch-User: ?1\r\n"
)
_COOKIE = (
    "Cookie: session=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N; "
    "_ga=GA1.2.1733219452.1700000000; _gid=GA1.2.99887766.1700000001; theme=dark; lang=en; "
    "consent=%7B%22analytics%22%3Atrue%2C%22ads%22%3Afalse%7D; cart=17%2C22%2C4711\r\n"
)
_API = (
    "Host: api.example.com\r\nUser-Agent: okhttp/4.12.0\r\nAccept: application/json\r\n"
    "Authorization: Bearer 6f1c0b5e2d9a4e0c8a77b1f3d2e4a5b6\r\nX-Request-Id: 7c9e6679-7425\r\n"
    "Content-Type: application/json\r\nAccept-Encoding: gzip\r\n"
)


def _request(line: str, headers: str, values: list[str]) -> tuple[bytes, bytes]:
    return f"{line} HTTP/1.1\r\n{headers}\r\n".encode(), "\n".join(values).encode()


_TEXT = (
    "The chairs came on Tuesday, in two boxes; please select a table that goes with them from "
    "our catalogue, where you like, and drop us a line: it's 100% wood & made in 2024 (or so)."
)
SAMPLE: tuple[tuple[bytes, bytes], ...] = (
    _request(
        "GET /catalogue/garden/chairs?page=3&sort=price&filter=wood%20oak&q=folding+chair",
        _BROWSER + _COOKIE,
        ["/catalogue/garden/chairs", "3", "price", "wood oak", "folding chair"],
    ),
    _request("GET /static/js/app.4f2c81d9.js", _BROWSER, ["/static/js/app.4f2c81d9.js"]),
    _request(
        "GET /api/v2/orders/8812?expand=items,customer&fields=id,total",
        _API,
        ["/api/v2/orders/8812", "items,customer", "id,total"],
    ),
    _request(
        "POST /api/v2/orders",
        _API + "Content-Length: 212\r\n",
        ["/api/v2/orders", "3f2a", "Anna Schmidt", "anna.schmidt@example.org", "4711", "2", "EUR"],
    ),
    _request(
        "POST /comments",
        _BROWSER + _COOKIE + "Content-Length: 640\r\n",
        ["/comments", "Anna", "anna@example.org", _TEXT, _TEXT[::-1]],
    ),
    _request(
        "POST /graphql",
        _API + "Content-Length: 300\r\n",
        [
            "/graphql",
            "query Order($id: ID!) { order(id: $id) { id total items { sku qty } } }",
            "8",
        ],
    ),
    _request(
        "GET /search?q=how+to+union+two+sets+and+select+the+largest+element+from+each",
        _BROWSER,
        ["/search", "how to union two sets and select the largest element from each"],
    ),
    _request(
        "PUT /files/report.txt",
        _API,
        ["/files/report.txt", "for (i = 0; i < n; i++) { sum += a[i] * b[i]; } /* ok */ return 0;"],
    ),
    _request("GET /" + "a" * 600, _BROWSER, ["/" + "a" * 600]),
    _request("GET /?n=" + "0123456789" * 60, _BROWSER, ["/", "0123456789" * 60]),
)


def own_text(pattern: str) -> bytes:
    """The literal text of a pattern, repeated: an attacker who knows a rule may send it.

    A heuristic: text from the pattern keeps its automaton busy, unlike honest traffic.
    """
    spelt = _NO_TEXT.sub("", pattern).encode() or b"a"
    return (spelt * (OWN_BYTES // len(spelt) + 1))[:OWN_BYTES]

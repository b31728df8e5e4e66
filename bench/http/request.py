"""The request that all products get: a browser's request of 789 bytes, which no rule matches."""

from __future__ import annotations

REQUEST_BYTES = 789
_HEAD = (
    "GET /shop/articles/1842/reviews?page=3&sort=newest&lang=en&ref=newsletter HTTP/1.1",
    "Host: shop.example.com",
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8",
    "Accept-Language: en-US,en;q=0.7,de;q=0.3",
    "Accept-Encoding: gzip, deflate, br",
    "Referer: https://shop.example.com/shop/articles/1842",
    "Connection: keep-alive",
    "Upgrade-Insecure-Requests: 1",
    "Sec-Fetch-Dest: document",
    "Sec-Fetch-Mode: navigate",
    "Sec-Fetch-Site: same-origin",
    "Priority: u=0, i",
)
_COOKIE = "Cookie: session=5c1f0a7e9b3d4826a1f7c0de; consent=all; theme=dark; cart="


def request() -> bytes:
    """The whole request; its cookie fills it up to `REQUEST_BYTES`."""
    head = "\r\n".join((*_HEAD, _COOKIE))
    rest = "\r\n\r\n"
    filler = "0123456789abcdef" * (REQUEST_BYTES // 16)
    return (head + filler[: REQUEST_BYTES - len(head) - len(rest)] + rest).encode()


def fields() -> dict[str, str]:
    """The headers of the request, by name."""
    lines = request().decode().split("\r\n")[1:-2]
    return dict(line.split(": ", 1) for line in lines)


def target() -> str:
    """The request target."""
    return request().split(b" ", 2)[1].decode()

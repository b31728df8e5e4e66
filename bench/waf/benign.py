"""Requests of honest clients, written for this project: rules must not match them.

Heads as browsers, phones and API clients send them; search words and texts that look like attacks
to simple rules; forms of WordPress and phpBB, JSON and GraphQL, long cookies, source code that was
pasted into a text field. The texts are in ``benign.toml``.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlencode

from dataplane.model.stages.http.forms.bodies import Body, Kind

TEXTS = Path(__file__).with_suffix(".toml")
_BOUNDARY = "----WebKitFormBoundary7MA4YWxkTrZu0gW"


@dataclass(frozen=True)
class Benign:
    """One request."""

    kind: str
    method: str
    target: str
    headers: dict[str, str]
    body: Body | None = None
    note: str = field(default="", compare=False)


def requests() -> Iterator[Benign]:
    """All requests; the same ones every time."""
    texts = tomllib.loads(TEXTS.read_text("utf-8"))
    browsers = texts["browsers"]
    yield from _pages(texts, browsers)
    yield from _searches(texts, browsers)
    yield from _forms(texts, browsers)
    yield from _api(texts)
    yield from _code(texts, browsers)


def browser_head(browser: dict[str, str], cookie: str = "") -> dict[str, str]:
    """The head of a browser's request for a page."""
    head = {
        "Host": "www.example.com",
        "User-Agent": browser["user_agent"],
        "Accept": browser["accept"],
        "Accept-Language": browser["language"],
        "Accept-Encoding": "gzip, deflate, br, zstd",
        "Referer": "https://www.example.com/news/?utm_source=news&utm_medium=email&page=2",
        "Connection": "keep-alive",
        "Upgrade-Insecure-Requests": "1",
        "Sec-Fetch-Dest": "document",
        "Sec-Fetch-Mode": "navigate",
        "Sec-Fetch-Site": "same-origin",
    }
    if "hints" in browser:
        head["sec-ch-ua"] = browser["hints"]
        head["sec-ch-ua-platform"] = '"Windows"'
    return head | ({"Cookie": cookie} if cookie else {})


def _pages(texts: dict[str, list[str]], browsers: list[dict[str, str]]) -> Iterator[Benign]:
    for i, target in enumerate(texts["targets"]):
        cookie = texts["cookies"][i % len(texts["cookies"])]
        yield Benign("page", "GET", target, browser_head(browsers[i % len(browsers)], cookie))
    for i, cookie in enumerate(texts["cookies"]):
        yield Benign("cookie", "GET", "/", browser_head(browsers[i % len(browsers)], cookie))


def _searches(texts: dict[str, list[str]], browsers: list[dict[str, str]]) -> Iterator[Benign]:
    for i, words in enumerate(texts["words"]):
        target = "/search?" + urlencode({"q": words, "sort": "new", "page": "1"})
        yield Benign("search", "GET", target, browser_head(browsers[i % len(browsers)]), note=words)


def _forms(texts: dict[str, list[str]], browsers: list[dict[str, str]]) -> Iterator[Benign]:
    for i, text in enumerate([*texts["words"], *texts["posts"]]):
        head = browser_head(
            browsers[i % len(browsers)], texts["cookies"][i % len(texts["cookies"])]
        )
        wordpress = {
            "post_title": text[:60], "content": text, "post_status": "publish", "post_ID": "1714",
            "_wpnonce": "a1b2c3d4e5", "_wp_http_referer": "/wp-admin/post.php?post=7&action=edit",
            "tags": "news, weekly & more", "sort": "id", "mode": "set", "comment_status": "open",
            "action": "editpost",
        }  # fmt: skip
        phpbb = {
            "subject": text[:60], "message": f"[quote=ann]{text}[/quote]\nI agree :)",
            "post": "Submit",
            "creation_time": "1700000000", "form_token": "0123456789abcdef0123456789abcdef",
            "addbbcode20": "100", "attach_sig": "on",
        }  # fmt: skip
        target = "/wp-admin/post.php" if i % 2 else "/posting.php?mode=reply&f=2&t=17"
        fields = wordpress if i % 2 else phpbb
        body = urlencoded(fields) if i % 3 else multipart(fields)
        yield Benign("form", "POST", target, head, body, text)


def _api(texts: dict[str, list[str]]) -> Iterator[Benign]:
    for i, text in enumerate([*texts["words"], *texts["posts"]]):
        client = texts["api_clients"][i % len(texts["api_clients"])]
        head = {
            "Host": "api.example.com", "User-Agent": client, "Accept": "application/json, */*",
            "Authorization": "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3",
            "Content-Type": "application/json",
        }  # fmt: skip
        if i % 2:
            query = texts["graphql"][i % len(texts["graphql"])]
            value: dict[str, object] = {
                "query": query,
                "variables": {"id": i, "text": text, "tags": ["a", "b & c"]},
            }
        else:
            value = {
                "id": i,
                "note": text,
                "done": False,
                "price": 12.5,
                "nested": {"list": [text]},
            }
        content = json.dumps(value, ensure_ascii=bool(i % 3), indent=2 if i % 5 == 0 else None)
        target = f"/v1/items/{i}?fields=id,name&filter={quote('price>10,name~a')}"
        yield Benign("api", "POST", target, head, Body(content.encode(), Kind.JSON), text)


def _code(texts: dict[str, list[str]], browsers: list[dict[str, str]]) -> Iterator[Benign]:
    for i, code in enumerate(texts["code"]):
        fields = {"title": "my snippet", "language": "auto", "code": code}
        body = multipart(fields) if i % 2 else urlencoded(fields)
        yield Benign(
            "code", "POST", "/paste", browser_head(browsers[i % len(browsers)]), body, code
        )


def urlencoded(fields: dict[str, str]) -> Body:
    """A form as a browser sends it."""
    return Body(urlencode(fields).encode(), Kind.URLENCODED)


def multipart(fields: dict[str, str]) -> Body:
    """A form as a browser sends it with files."""
    parts = "".join(
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    content = f"{parts}--{_BOUNDARY}--\r\n".encode()
    return Body(content, Kind.MULTIPART, _BOUNDARY.encode())

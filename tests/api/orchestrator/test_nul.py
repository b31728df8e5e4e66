"""PostgreSQL stores no NUL in a text: a request with one is refused, or finds nothing."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

NUL = "a\0b"
POLICY = {
    "name": "x",
    "neighbors": [{"name": NUL, "address": "192.0.2.1", "protocols": ["bgp"]}],
}


def text(data: bytes, content_type: str = "text/plain") -> dict[str, Any]:
    return {"data": data, "content_type": content_type}


REQUESTS: list[tuple[str, str, dict[str, Any]]] = [
    ("DELETE", "keys/a%00b", {}),
    ("DELETE", "tokens/a%00b", {}),
    ("GET", "nodes/a%00b", {}),
    ("GET", "blacklist", {"headers": {"If-None-Match": '"a\\0b"'}}),
    ("GET", "audit?actor=a%00b", {}),
    ("POST", "blacklist/import", text(b"192.0.2.1 \0\n")),
    (
        "POST",
        "blacklist/import?reason=a%00b",
        text(b"192.0.2.1\n"),
    ),
    ("POST", "blacklist", {"json": {"ip": "192.0.2.1", "reason": NUL}}),
    ("POST", "blacklist/remove", {"json": {"created_by": NUL}}),
    ("POST", "allowlist/remove", {"json": {"reason": NUL}}),
    (
        "POST",
        "rules/import",
        text(b'{"name": "a\\u0000b"}\n', "application/x-ndjson"),
    ),
    ("POST", "policy", {"json": {"name": NUL}}),
    ("POST", "policy", {"json": POLICY}),
    ("POST", "webhooks/retry", {"json": {"endpoint": NUL}}),
    ("POST", "webhooks/test", {"json": {"endpoint": NUL}}),
]


@pytest.mark.parametrize(("method", "path", "sent"), REQUESTS, ids=lambda one: str(one)[:60])
def test_a_nul_is_no_fault_of_the_server(
    admin: FlaskClient, method: str, path: str, sent: dict[str, Any]
) -> None:
    answer = admin.open(f"/api/v1/{path}", method=method, **sent)
    assert answer.status_code < 500, answer.text

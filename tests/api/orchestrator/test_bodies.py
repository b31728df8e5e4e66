"""Port 3030 reads and refuses bodies as port 9999 does."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from api.common.exchange.bodies import BODY_BYTES_MAX

from .conftest import heartbeat

TOKENS = "/api/v1/tokens"


def problem(answer: Any, status: int) -> dict[str, Any]:
    assert (answer.status_code, answer.content_type) == (status, "application/problem+json")
    body: dict[str, Any] = answer.json
    assert body["status"] == status
    assert body["request_id"] == answer.headers["X-Request-ID"]
    return body


@pytest.mark.parametrize("media_type", [None, "application/x-www-form-urlencoded"])
def test_a_body_of_the_contracts_curl_examples_is_read_as_json(
    admin: FlaskClient, media_type: str | None
) -> None:
    answer = admin.post(TOKENS, data='{"name": "a-rack"}', content_type=media_type)
    assert answer.status_code == 201


@pytest.mark.parametrize(
    ("data", "media_type", "status"),
    [
        ('{"name":', "application/json", 400),
        (b'{"name": "\xff"}', "application/json", 400),
        ("<name/>", "application/xml", 415),
        ("x" * (BODY_BYTES_MAX + 1), "application/json", 413),
        ('{"name": "a", "uses_max": true}', "application/json", 422),
        ('{"name": "a", "uses_max": "5"}', "application/json", 422),
        ('{"name": "a", "colour": "red"}', "application/json", 422),
    ],
    ids=["cut", "not UTF-8", "XML", "too large", "true", "text", "unknown field"],
)
def test_another_body_is_refused_and_changes_nothing(
    admin: FlaskClient, data: str | bytes, media_type: str, status: int
) -> None:
    before = admin.get(TOKENS).json
    problem(admin.post(TOKENS, data=data, content_type=media_type), status)
    assert admin.get(TOKENS).json == before


def test_a_huge_heartbeat_is_413_and_the_node_stays_as_it_was(
    enrol: Callable[..., FlaskClient], admin: FlaskClient
) -> None:
    node = enrol("node-1")
    text = json.dumps(heartbeat(stats={"x" * BODY_BYTES_MAX: 1}))
    answer = node.post("/api/v1/nodes/node-1/heartbeat", data=text, content_type="application/json")
    problem(answer, 413)
    assert admin.get("/api/v1/nodes/node-1").json["last_seen_at"] is None


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/nothing", 404),
        ("GET", "/api/v1/nodes/", 404),
        ("PUT", "/api/v1/nodes", 405),
        ("OPTIONS", "/api/v1/nodes", 405),
        ("GET", "/api/v1/nodes?limit=0", 422),
        ("GET", "/api/v1/nodes?limit=1&limit=2", 422),
        ("GET", "/api/v1/nodes/node-1?colour=red", 422),
    ],
)
def test_what_the_framework_refuses_is_a_problem_document_too(
    admin: FlaskClient, method: str, path: str, status: int
) -> None:
    problem(admin.open(path, method=method), status)

"""An API beside its OpenAPI document: routes, errors, the page, and generated requests."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable
from typing import Any
from unittest import SkipTest

import hypothesis
import schemathesis
from flask import Flask
from schemathesis import GenerationMode

from api.common.operations import Operation
from api.common.roles import KEY_HEADER
from api.serving.application import PREFIX

EXAMPLES = 12
"""Generated requests of each kind for each operation."""


@schemathesis.serializer("application/x-ndjson")
def _ndjson(_context: Any, value: Any) -> bytes:
    """Lines are generated as one text."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


def described(app: Flask) -> dict[str, Any]:
    """The document, asked for without a key."""
    answer = app.test_client().get("/openapi.json")
    assert answer.status_code == 200
    document: dict[str, Any] = answer.get_json()
    assert document["openapi"].startswith("3.1")
    return document


def operations_in(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """By method and path."""
    return {
        (method.upper(), path): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def routes(app: Flask) -> set[tuple[str, str]]:
    """What is routed below the prefix, by method and path."""
    return {
        (method, re.sub(r"<(?:path:)?(\w+)>", r"{\1}", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule.startswith(PREFIX)
    }


def errors_of_another_type(document: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Answers of an error that are no problem documents."""
    return [
        (*name, status)
        for name, operation in operations_in(document).items()
        for status, answer in operation["responses"].items()
        if int(status) >= 400 and set(answer["content"]) != {"application/problem+json"}
    ]


def clumsy_names(document: dict[str, Any]) -> list[str]:
    """Of schemas: two models of one name get their modules' names, and clients both of them."""
    return [name for name in document["components"]["schemas"] if "__" in name]


def check_page(app: Flask, operations: Iterable[Operation]) -> None:
    """The page says who may what, and loads nothing from elsewhere."""
    client = app.test_client()
    page = client.get("/docs")
    assert page.status_code == 200
    assert page.content_type.startswith("text/html")
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    for operation in operations:
        assert f"{PREFIX}{operation.path}" in page.text
        row = re.escape(f"{PREFIX}{operation.path}</code></a></td>")
        role = operation.role or "anybody"
        assert re.search(rf"{operation.method}</td>\s*<td>[^\n]*{row}\s*<td>{role}</td>", page.text)
    assert "http:" not in page.text.replace("http://json-schema", "")
    assert "<script" not in page.text
    links = re.findall(r'(?:href|src)="([^"#]*)"', page.text)
    assert set(links) == {"", "/docs/docs.css", "/openapi.json"} - ({""} - set(links))
    assert client.get("/docs/docs.css").content_type.startswith("text/css")


def rows_that_lack(text: str, operations: Iterable[Operation]) -> list[str]:
    """Rows of a written table of operations that a text has not."""
    rows = [
        f"| `{each.method}` | `{each.path}` | {each.role or 'anybody'} | {each.summary} |"
        for each in operations
    ]
    return [row for row in rows if row not in text]


def exercise(
    app: Flask, mode: GenerationMode, key: Callable[[Any], str], not_in_a_schema: tuple[str, ...]
) -> int:
    """Send generated requests to every operation, and check the answers against the document.

    Args:
        key: Which key an operation of the document is asked with.
        not_in_a_schema: How paths begin whose requests have rules that JSON Schema can't say:
            one that is well-formed may be refused all the same.

    Returns:
        How many operations had anything to generate.
    """
    schema = schemathesis.openapi.from_wsgi("/openapi.json", app)
    found = [each.ok() for each in schema.get_all_operations()]
    return sum(_exercise(each, mode, key(each), not_in_a_schema) for each in found)


def _exercise(operation: Any, mode: GenerationMode, key: str, loose: tuple[str, ...]) -> bool:
    """False: there is nothing of that kind to generate."""
    numbers = itertools.count()
    path = operation.path.removeprefix(PREFIX)
    excluded: list[Any] = []
    if path.startswith(loose):
        excluded = [schemathesis.checks.CHECKS.get_one("positive_data_acceptance")]

    @hypothesis.settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
    def run(case: Any) -> None:
        if mode is GenerationMode.POSITIVE and "Idempotency-Key" in (case.headers or {}):
            # no schema says that a key stands for one body
            case.headers["Idempotency-Key"] = f"key-{next(numbers)}"
        case.call_and_validate(headers={KEY_HEADER: key}, excluded_checks=excluded)

    try:
        run()
    except (hypothesis.errors.Unsatisfiable, SkipTest):
        return False
    return True

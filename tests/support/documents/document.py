"""Compares an API with its OpenAPI document: routes, errors, the page, and generated requests."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from unittest import SkipTest
from urllib.parse import parse_qs, urlsplit

import hypothesis
import schemathesis
from flask import Flask
from schemathesis import GenerationMode

from api.common.contract.operations import Operation
from api.common.contract.roles import KEY_HEADER, Role
from api.serving.application import PREFIX
from tests.support.documents.beyond_schema import Rule, is_beyond

METHODS = (
    *("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"),
    *("PROPFIND", "M-SEARCH", "QUERY", "get", "Post", "X"),
)
DIGITS_READ = 18
EXAMPLES = 12
"""Number of generated requests of each kind for each operation."""
_SETTINGS = hypothesis.settings(
    deadline=None,
    database=None,
    derandomize=True,
    phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
    suppress_health_check=list(hypothesis.HealthCheck),
)


@schemathesis.serializer("application/x-ndjson")
def _ndjson(_context: Any, value: Any) -> bytes:
    """Lines are generated as one text."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


def described(app: Flask) -> dict[str, Any]:
    """The document, requested without a key."""
    answer = app.test_client().get("/openapi.json")
    assert answer.status_code == 200
    document: dict[str, Any] = answer.get_json()
    assert document["openapi"].startswith("3.1")
    return document


def operations_in(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """The operations of a document by method and path."""
    return {
        (method.upper(), path): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def routes(app: Flask) -> set[tuple[str, str]]:
    """The routes below the prefix, by method and path."""
    return {
        (method, re.sub(r"<(?:path:)?(\w+)>", r"{\1}", rule.rule))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule.startswith(PREFIX)
    }


def wrong_refusals(app: Flask, document: dict[str, Any]) -> list[tuple[str, str, int, str | None]]:
    """Answers to methods that a path of the document does not have, unless they are 405 with the
    right Allow."""
    client = app.test_client()
    found = []
    for path, operations in document["paths"].items():
        has = {method.upper() for method in operations}
        has |= {"HEAD"} if "GET" in has else set()
        for method in set(METHODS) - has:
            answer = client.open(filled(path), method=method)
            allowed = answer.headers.get("Allow")
            if (answer.status_code, allowed) != (405, ", ".join(sorted(has))):
                found.append((method, path, answer.status_code, allowed))
    return found


def filled(path: str) -> str:
    """The path with a value for each of its parameters."""
    return re.sub(r"{\w+}", "1", path)


def errors_of_another_type(document: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Error answers that are not problem documents of their status."""
    problems = [
        {"$ref": f"#/components/responses/{name}"}
        for name, answer in document["components"]["responses"].items()
        if set(answer["content"]) == {"application/problem+json"}
    ]
    return [
        (*name, status)
        for name, operation in operations_in(document).items()
        for status, answer in operation["responses"].items()
        if int(status) >= 400 and answer not in problems
    ]


def numbers_that_are_not_read(document: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Parameters in query and path whose greatest number has more digits than the API reads."""
    return [
        (*name, parameter["name"])
        for name, operation in operations_in(document).items()
        for parameter in operation.get("parameters", [])
        for schema in _alternatives(parameter.get("schema", {}))
        if schema.get("type") == "integer" and not _greatest(schema) < 10**DIGITS_READ
    ]


def _alternatives(schema: dict[str, Any]) -> list[dict[str, Any]]:
    return schema.get("anyOf") or [schema]


def _greatest(schema: dict[str, Any]) -> float:
    """The greatest number that a schema of an integer allows."""
    beyond = schema.get("exclusiveMaximum")
    greatest: float = schema.get("maximum", math.inf) if beyond is None else beyond - 1
    return greatest


def clumsy_names(document: dict[str, Any]) -> list[str]:
    """Names of schemas that contain a module's name: two models have the same name, and clients
    would see both long names."""
    return [name for name in document["components"]["schemas"] if "__" in name]


def check_page(app: Flask, operations: Iterable[Operation]) -> None:
    """Check that the page lists every operation with its role, and loads nothing from
    other hosts."""
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
    """Rows of the table of operations that the text does not contain."""
    rows = [
        f"| `{each.method}` | `{each.path}` | {each.role or 'anybody'} | {each.summary} |"
        for each in operations
    ]
    return [row for row in rows if row not in text]


def exercise(
    app: Flask,
    mode: GenerationMode,
    key: Callable[[Any], str],
    beyond: Sequence[Rule],
    node: str | None = None,
    examples: int = EXAMPLES,
) -> int:
    """Send generated requests to every operation, and check the answers against the document.

    Args:
        key: Returns the key for the requests to an operation of the document.
        beyond: Rules that may refuse a request although the document allows it.
        node: The node in the paths of nodes' own operations; its key is used for them.
        examples: Number of requests of each kind for each operation.

    Returns:
        The number of operations for which requests could be generated.
    """
    schema = schemathesis.openapi.from_wsgi("/openapi.json", app)
    found = [each.ok() for each in schema.get_all_operations()]
    settings = hypothesis.settings(_SETTINGS, max_examples=examples)
    return sum(_exercise(each, mode, key(each), beyond, node, settings) for each in found)


def _vanished(query: Mapping[str, Any] | None, url: str) -> set[str]:
    """Parameters that are missing in a URL, because an empty list of values is sent as nothing."""
    return set(query or {}) - set(parse_qs(urlsplit(url).query, keep_blank_values=True))


def _exercise(
    operation: Any,
    mode: GenerationMode,
    key: str,
    beyond: Sequence[Rule],
    node: str | None,
    settings: hypothesis.settings,
) -> bool:
    """False: nothing of this kind can be generated."""
    numbers = itertools.count()
    path = operation.path.removeprefix(PREFIX)
    is_of_node = operation.definition.raw["x-secbeat-role"] == Role.NODE and "{node}" in path
    acceptance = schemathesis.checks.CHECKS.get_one("positive_data_acceptance")
    rejection = schemathesis.checks.CHECKS.get_one("negative_data_rejection")

    @settings
    @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
    def run(case: Any) -> None:
        if mode is GenerationMode.POSITIVE:
            if "Idempotency-Key" in (case.headers or {}):
                # the schema can't express that a key belongs to one body
                case.headers["Idempotency-Key"] = f"key-{next(numbers)}"
            if is_of_node:
                case.path_parameters["node"] = node
        headers = {KEY_HEADER: key}
        answer = case.call(headers=headers)
        is_excused = answer.status_code == 422 and is_beyond(beyond, path, answer.json())
        excluded = [acceptance] if is_excused else []
        is_skipped = path.endswith("/import") and (case.query or {}).get("on_error") == "skip"
        if is_skipped or _vanished(case.query, answer.request.url):
            excluded.append(rejection)  # the invalid part was left out, or not sent
        case.validate_response(
            answer,
            excluded_checks=excluded,
            headers=headers,
            transport_kwargs={"headers": headers},
        )

    try:
        run()
    except (hypothesis.errors.Unsatisfiable, SkipTest):
        return False
    return True

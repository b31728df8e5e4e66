"""The OpenAPI document is complete and true, and its pages need nothing from elsewhere."""

from __future__ import annotations

import dataclasses
import itertools
import re
from pathlib import Path
from typing import Any
from unittest import SkipTest

import hypothesis
import pytest
import schemathesis
from schemathesis import GenerationMode

from api.management.settings import ApiSettings
from api.serving.application import PREFIX
from tests.support.clock import FakeClock
from tests.support.incidents import SYN_FLOOD
from tests.support.recorded import Recorded

from .conftest import ADMIN_KEY, HEADER, Api, FakeDataplane

EXAMPLES = 12
_NOT_IN_A_SCHEMA = ("/blacklist", "/allowlist", "/policy", "/rules", "/explain")
"""What JSON Schema can't say: that a prefix has no host bits, which reasons a type of rule has, and
that a policy takes no 7.0 for an integer, which times lie ahead, what is an address. Such a request
is well-formed, and 422."""


@schemathesis.serializer("application/x-ndjson")
def _ndjson(_context: Any, value: Any) -> bytes:
    """Lines are generated as one text."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


def test_the_document_has_every_route_and_no_other(api: Api) -> None:
    document = api.get("/openapi.json", key=None).json
    assert document["openapi"].startswith("3.1")
    said = {
        (method.upper(), path) for path, methods in document["paths"].items() for method in methods
    }
    routed = {
        (method, re.sub(r"<(?:path:)?(\w+)>", r"{\1}", rule.rule))
        for rule in api.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule.startswith(PREFIX)
    }
    assert said == routed
    assert len(routed) == 53


def test_every_error_is_a_problem_document(api: Api) -> None:
    document = api.get("/openapi.json").json
    for methods in document["paths"].values():
        for operation in methods.values():
            for status, answer in operation["responses"].items():
                if int(status) >= 400:
                    assert set(answer["content"]) == {"application/problem+json"}


def test_what_needs_the_database_may_find_that_its_disk_does_not_work(api: Api) -> None:
    document = api.get("/openapi.json").json
    for path, methods in document["paths"].items():
        for operation in methods.values():
            assert ("503" in operation["responses"]) == (not path.endswith("/health/live"))


def test_the_docs_page_shows_who_may_what_and_loads_nothing_from_elsewhere(api: Api) -> None:
    page = api.get("/docs", key=None)
    assert page.status_code == 200
    assert page.content_type.startswith("text/html")
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    for operation in api.node.operations:
        assert f"{PREFIX}{operation.path}" in page.text
        row = re.escape(f"{PREFIX}{operation.path}</code></a></td>")
        role = operation.role or "anybody"
        assert re.search(rf"{operation.method}</td>\s*<td>[^\n]*{row}\s*<td>{role}</td>", page.text)
    assert "http:" not in page.text.replace("http://json-schema", "")
    assert "<script" not in page.text
    links = re.findall(r'(?:href|src)="([^"#]*)"', page.text)
    assert set(links) == {"", "/docs/docs.css", "/openapi.json"} - ({""} - set(links))
    assert api.get("/docs/docs.css", key=None).content_type.startswith("text/css")


def test_the_written_reference_has_the_same_table(api: Api) -> None:
    text = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
    for operation in api.node.operations:
        role = operation.role or "anybody"
        row = f"| `{operation.method}` | `{operation.path}` | {role} | {operation.summary} |"
        assert row in text, f"docs/api.md lacks: {row}"


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_every_operation_keeps_its_word_for_generated_requests(
    settings: ApiSettings, plane: FakeDataplane, clock: FakeClock, mode: GenerationMode
) -> None:
    api = Api(dataclasses.replace(settings, failures_per_minute=100_000), plane, clock)
    recorded = Recorded(settings.events)
    try:
        api.ban("192.0.2.1")
        recorded.attack(SYN_FLOOD)
        schema = schemathesis.openapi.from_wsgi("/openapi.json", api.app)
        exercised = [_exercise(found.ok(), mode) for found in schema.get_all_operations()]
        assert sum(exercised) >= len(api.node.operations) - 9, "some have nothing to get wrong"
    finally:
        recorded.close()
        api.close()


def _exercise(operation: Any, mode: GenerationMode) -> bool:
    """Send generated requests; False: there is nothing of that kind to generate."""
    excluded: list[Any] = []
    numbers = itertools.count()
    if operation.path.removeprefix(PREFIX).startswith(_NOT_IN_A_SCHEMA):
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
        case.call_and_validate(headers={HEADER: ADMIN_KEY}, excluded_checks=excluded)

    try:
        run()
    except (hypothesis.errors.Unsatisfiable, SkipTest):
        return False
    return True


@pytest.mark.parametrize("path", ["/openapi.json", "/docs"])
def test_the_document_and_its_page_need_no_key(api: Api, path: str) -> None:
    assert api.get(path, key=None).status_code == 200

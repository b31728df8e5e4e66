"""A value that breaks a pattern is answered with the permitted values and an example."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from api.common.contract.mistakes import FORMS
from api.common.contract.operations import Operation
from api.orchestrator.app import orchestrator_of
from dataplane.policy.input.mistakes import FORMS as FORMS_OF_A_POLICY

from .conftest import Api
from .orchestrator.conftest import fleet, fleet_schema, fleet_settings  # noqa: F401 - fixtures


@pytest.fixture
def fleet_url(fleet_schema: Any) -> str:  # noqa: F811
    return f"sqlite:///{fleet_schema}"


def patterns(schema: Any) -> Iterator[str]:
    """The patterns that pydantic checks."""
    if isinstance(schema, dict):
        if schema.get("type") == "str" and "pattern" in schema:
            yield schema["pattern"]
        schema = list(schema.values())
    if isinstance(schema, list | tuple):
        for each in schema:
            yield from patterns(each)


def undescribed(operations: list[Operation]) -> set[str]:
    models = {each for one in operations for each in (one.body, one.query) if each is not None}
    found = {one for each in models for one in patterns(each.__pydantic_core_schema__)}
    assert found
    return found - FORMS.keys() - FORMS_OF_A_POLICY.keys()


def test_every_pattern_of_the_node_s_api_has_a_description(api: Api) -> None:
    assert undescribed(list(api.node.operations)) == set()


def test_every_pattern_of_the_orchestrator_s_api_has_one(fleet: Flask) -> None:  # noqa: F811
    assert undescribed(list(orchestrator_of(fleet).operations)) == set()


@pytest.mark.parametrize("pattern", FORMS)
def test_every_example_is_a_permitted_value(pattern: str) -> None:
    assert re.search(pattern, FORMS[pattern][1])


@pytest.mark.parametrize(
    ("path", "body", "text"),
    [
        ("/blacklist", {"ip": "192.0.2.1", "origin": "Bad"}, "origin: manual, incident, fleet, "),
        ("/blacklist", {"ip": "192.0.2.1", "reason": "a\nb"}, "reason: text without control "),
        ("/keys", {"name": "-x", "role": "read"}, "as in 'night-shift'"),
        ("/rules", {"pattern": "a", "action": "log", "group": "A"}, "group: 1 to 63 of a-z"),
        ("/rules", {"pattern": "a", "action": "log", "targets": ["url"]}, "targets.0: any, method"),
    ],
)
def test_a_wrong_value_is_answered_with_an_example(
    api: Api, path: str, body: dict[str, Any], text: str
) -> None:
    detail = api.post(path, body).json["detail"]
    assert text in detail
    assert "as in '" in detail
    assert "pattern '" not in detail


@pytest.mark.parametrize("path", ["blacklist", "rules", "audit", "events", "attacks"])
def test_a_wrong_cursor_is_answered_with_an_example(api: Api, path: str) -> None:
    detail = api.get(f"/{path}?cursor=x").json["detail"]
    assert detail.startswith("cursor: the cursor of an earlier answer, as in '")


def test_a_line_of_an_import_is_answered_like_a_post(api: Api) -> None:
    line = b'{"ip": "192.0.2.1", "reasn": "x"}\n'
    media = "application/x-ndjson"
    answer = api.call("POST", "/blacklist/import", data=line, content_type=media)
    assert "line 1: reasn: no such field; did you mean 'reason'?" in answer.json["detail"]

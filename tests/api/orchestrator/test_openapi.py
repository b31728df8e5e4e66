"""The orchestrator's OpenAPI document is complete and true, and so is its page."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from schemathesis import GenerationMode

from api.common.contract.roles import KEY_HEADER, Role
from api.orchestrator.app import orchestrator_of
from api.orchestrator.settings import OrchestratorSettings
from tests.support.documents import beyond_schema, document

DOCS = Path(__file__).parents[3] / "docs"
PLENTY = 1_000_000
NODE = "node-1"


@pytest.fixture
def fleet_settings(fleet_settings: OrchestratorSettings) -> OrchestratorSettings:
    """Generated requests come fast."""
    return dataclasses.replace(
        fleet_settings,
        failures_per_minute=PLENTY,
        reads_per_minute=PLENTY,
        writes_per_minute=PLENTY,
    )


@pytest.fixture
def key(
    admin: FlaskClient, enrolling: FlaskClient, enrol: Callable[..., FlaskClient]
) -> Callable[[Any], str]:
    """A key of the role that an operation of the document wants."""
    clients = {Role.ENROL: enrolling, Role.NODE: enrol(NODE)}

    def of(operation: Any) -> str:
        role = operation.definition.raw["x-secbeat-role"]
        client = clients.get(role, admin)
        key: str = client.environ_base[f"HTTP_{KEY_HEADER.upper().replace('-', '_')}"]
        return key

    return of


def test_every_number_that_the_document_allows_is_read(fleet: Flask) -> None:
    assert document.numbers_that_are_not_read(document.described(fleet)) == []


def test_the_document_has_every_route_and_no_other(fleet: Flask) -> None:
    said = set(document.operations_in(document.described(fleet)))
    assert said == document.routes(fleet)
    assert len(said) == len(orchestrator_of(fleet).operations)


def test_a_method_that_a_path_lacks_is_405_and_says_which_it_has(fleet: Flask) -> None:
    assert document.wrong_refusals(fleet, document.described(fleet)) == []


def test_every_error_is_a_problem_document(fleet: Flask) -> None:
    assert document.errors_of_another_type(document.described(fleet)) == []


def test_no_two_schemas_have_the_same_name(fleet: Flask) -> None:
    assert document.clumsy_names(document.described(fleet)) == []


def test_the_page_shows_who_may_what_and_loads_nothing_from_elsewhere(fleet: Flask) -> None:
    document.check_page(fleet, orchestrator_of(fleet).operations)


def test_the_written_reference_has_the_same_table(fleet: Flask) -> None:
    text = (DOCS / "orchestrator-api.md").read_text(encoding="utf-8")
    assert document.rows_that_lack(text, orchestrator_of(fleet).operations) == []


@pytest.fixture(params=list(GenerationMode))
def mode(request: pytest.FixtureRequest) -> Iterator[GenerationMode]:
    """Requests as the document says, and others."""
    return request.param


def test_every_operation_keeps_its_word_for_generated_requests(
    fleet: Flask, key: Callable[[Any], str], mode: GenerationMode
) -> None:
    half = document.EXAMPLES // 2  # on each of two databases
    exercised = document.exercise(fleet, mode, key, beyond_schema.FLEET, NODE, half)
    without = sum(each.path.startswith("/health") for each in orchestrator_of(fleet).operations)
    assert exercised >= len(orchestrator_of(fleet).operations) // 2 - without

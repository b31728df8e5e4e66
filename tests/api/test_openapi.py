"""The OpenAPI document is complete and true, and its pages need nothing from elsewhere."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from schemathesis import GenerationMode

from api.management.settings import ApiSettings
from tests.support.clock import FakeClock
from tests.support.documents import beyond_schema, document
from tests.support.values.incidents import SYN_FLOOD
from tests.support.values.recorded import Recorded

from .conftest import ADMIN_KEY, Api, FakeDataplane


def test_the_document_has_every_route_and_no_other(api: Api) -> None:
    said = set(document.operations_in(document.described(api.app)))
    assert said == document.routes(api.app)
    assert len(said) == len(api.node.operations)


def test_a_method_that_a_path_lacks_is_405_and_says_which_it_has(api: Api) -> None:
    assert document.wrong_refusals(api.app, document.described(api.app)) == []


def test_every_number_that_the_document_allows_is_read(api: Api) -> None:
    assert document.numbers_that_are_not_read(document.described(api.app)) == []


def test_every_error_is_a_problem_document(api: Api) -> None:
    assert document.errors_of_another_type(document.described(api.app)) == []


def test_every_operation_names_what_the_server_says_of_heads_and_what_any_answer_has(
    api: Api,
) -> None:
    described = document.described(api.app)
    for operation in document.operations_in(described).values():
        assert {"400", "405", "408", "414", "431", "500", "501"} <= set(operation["responses"])
    has = {
        name: {header for header, each in answer["headers"].items() if each.get("required")}
        for name, answer in described["components"]["responses"].items()
    }
    assert all("X-Request-ID" in headers for headers in has.values())
    assert "Allow" in has["MethodNotAllowed"]
    assert "WWW-Authenticate" in has["Unauthorized"]
    assert "Retry-After" in has["TooManyRequests"] & has["ServiceUnavailable"]


def test_no_two_schemas_have_the_same_name(api: Api) -> None:
    assert document.clumsy_names(document.described(api.app)) == []


def test_what_needs_the_database_may_find_that_its_disk_does_not_work(api: Api) -> None:
    for (_, path), operation in document.operations_in(document.described(api.app)).items():
        assert ("503" in operation["responses"]) == (not path.endswith("/health/live"))


def test_the_docs_page_shows_who_may_what_and_loads_nothing_from_elsewhere(api: Api) -> None:
    document.check_page(api.app, api.node.operations)


def test_the_written_reference_has_the_same_table(api: Api) -> None:
    text = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
    assert document.rows_that_lack(text, api.node.operations) == []


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_every_operation_keeps_its_word_for_generated_requests(
    settings: ApiSettings, plane: FakeDataplane, clock: FakeClock, mode: GenerationMode
) -> None:
    api = Api(dataclasses.replace(settings, failures_per_minute=100_000), plane, clock)
    recorded = Recorded(settings.events)
    try:
        api.ban("192.0.2.1")
        recorded.attack(SYN_FLOOD)
        exercised = document.exercise(api.app, mode, lambda _: ADMIN_KEY, beyond_schema.NODE)
        assert exercised >= len(api.node.operations) - 9, "some have nothing to get wrong"
    finally:
        recorded.close()
        api.close()


@pytest.mark.parametrize("path", ["/openapi.json", "/docs"])
def test_the_document_and_its_page_need_no_key(api: Api, path: str) -> None:
    assert api.get(path, key=None).status_code == 200

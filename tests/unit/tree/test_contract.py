"""The page of the contract's examples is whole, and a wrong answer would be seen."""

from __future__ import annotations

from typing import Any

from tests.support.documents.contract import examples, unlike


def test_the_page_has_all_examples_of_the_contract():
    languages = [each.language for each in examples()]
    assert {name: languages.count(name) for name in languages} == {
        "bash": 13,
        "toml": 1,
        "python": 1,
        "javascript": 1,
    }


def test_a_difference_from_an_example_would_be_found():
    sample: dict[str, Any] = {"a": 1, "b": [{"c": "x"}], "at": "2025-11-08T10:30:00Z"}
    assert unlike({"a": 2.5, "b": [], "at": "2026-01-01T00:00:00.000Z", "more": 1}, sample) == []
    assert len(unlike({"a": True, "b": [{"c": 1}, {}], "at": "yesterday"}, sample)) == 4

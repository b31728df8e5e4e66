"""JSON with repeated names."""

from __future__ import annotations

import pytest

from dataplane.base.errors import InvalidInputError
from dataplane.base.input.json_text import load_json, refuse_repeated


def test_json_is_read() -> None:
    text = '{"a": [1, {"b": null}], "b": {"a": "é"}}'
    assert load_json(text) == load_json(text.encode()) == {"a": [1, {"b": None}], "b": {"a": "é"}}


def test_each_repeated_name_is_named_with_its_path() -> None:
    text = '{"a": 1, "b": [{"x": 1, "x": 2, "x": 3}], "a": {"c": 3, "\\u0063": 4}}'
    with pytest.raises(InvalidInputError) as caught:
        load_json(text)
    assert [one.field for one in caught.value.each] == ["a", "a.c", "b[0].x"]


def test_a_hundred_are_named_and_all_are_counted() -> None:
    with pytest.raises(InvalidInputError) as caught:
        load_json("[" + ",".join(['{"x": 1, "x": 1}'] * 120) + "]")
    assert (len(caught.value.each), caught.value.count) == (100, 120)


@pytest.mark.parametrize("text", [b"", b"{", b'{"a": 1, "a"', b"\xff", b"[" * 100_000])
def test_what_is_not_json_is_for_the_reader_that_follows(text: bytes) -> None:
    refuse_repeated(text)

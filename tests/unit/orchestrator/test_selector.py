"""Selectors of nodes: what they mean, and which share nodes."""

from __future__ import annotations

import pytest

from api.orchestrator.selector import TERMS_MAX, VALUES_MAX, parse_selector
from dataplane.base.errors import InvalidInputError


@pytest.mark.parametrize(
    ("text", "is_meant"),
    [
        ("", True),
        ("edge=yes", True),
        ("edge==yes", True),
        ("edge=no", False),
        ("site=fra", False),
        ("edge=yes,tier in (a, b)", True),
        ("tier in (a,c),edge=yes", False),
    ],
)
def test_all_terms_must_hold(text: str, is_meant: bool) -> None:
    assert parse_selector(text).matches({"edge": "yes", "tier": "b"}) is is_meant


@pytest.mark.parametrize(
    "text",
    [
        "edge",
        "edge=",
        "=yes",
        "edge=yes,",
        "edge=yes edge=no",
        "edge=yes,edge=no",
        "edge in ()",
        "edge in (a,,b)",
        "edge!=yes",
        "edge in a",
        "edge=ja\u0308",
        ",".join(f"l{n}=v" for n in range(TERMS_MAX + 1)),
        f"l in ({','.join(f'v{n}' for n in range(VALUES_MAX + 1))})",
        "x" * 2000,
    ],
)
def test_what_is_no_selector_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError) as error:
        parse_selector(text)
    assert error.value.field == "selector"


def test_it_is_written_in_one_way() -> None:
    text = str(parse_selector(" tier in (b ,a), edge == yes"))
    assert text == "edge=yes,tier in (a,b)"
    assert parse_selector(text) == parse_selector("edge=yes,tier in (a,b)")


@pytest.mark.parametrize(
    ("one", "other", "overlap", "covers"),
    [
        ("", "", True, True),
        ("", "edge=yes", True, True),
        ("edge=yes", "", True, False),
        ("edge=yes", "edge=no", False, False),
        ("edge in (a,b)", "edge=a,site=x", True, True),
        ("edge=a,site=x", "edge in (a,b)", True, False),
        ("edge=a", "site=x", True, False),
    ],
)
def test_overlapping_and_covering(one: str, other: str, overlap: bool, covers: bool) -> None:
    first, second = parse_selector(one), parse_selector(other)
    assert first.overlaps(second) is second.overlaps(first) is overlap
    assert first.covers(second) is covers

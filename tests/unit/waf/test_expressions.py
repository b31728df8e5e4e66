"""What is said of a pattern before the engine sees it."""

from __future__ import annotations

import pytest

from dataplane.waf.compiling import expressions


@pytest.mark.parametrize(
    ("pattern", "position"),
    [
        ("a{,3}", 1),
        ("ab{ 1,2 }", 2),
        ("a{1 }", 1),
        ("[]{,3}]b{,3}", 8),
        (r"\Q{,3}\E{,3}", 8),
        (r"\\{,3}", 2),
        ("[[:alpha:]{,3}]x{,3}", 16),
        ("(?#{,3})a{,3}", 9),
        ("(*UTF8)a", 0),
        ("a(*UCP)b", 1),
    ],
)
def test_what_would_mean_something_else_is_refused_where_it_is(pattern: str, position: int) -> None:
    refusal = expressions.check(pattern)
    assert refusal is not None
    assert refusal.position == position


@pytest.mark.parametrize(
    "pattern",
    [
        "a{2}",
        "a{2,}",
        "a{2,3}",
        "a{x}",
        "a{",
        r"a\{,3}",
        "[{,3}]",
        "[^]{,3}]",
        r"\Q{,3}",
        r"\x{41}{2}",
        r"\p{L}+",
        "(?#a{,3})b",
        "(?i)a",
        r"[\]{,3}]",
    ],
)
def test_what_means_what_it_says_is_left_to_the_engine(pattern: str) -> None:
    assert expressions.check(pattern) is None


def test_a_position_is_counted_in_characters() -> None:
    refusal = expressions.refusal_of("Missing close parenthesis at index 4.", "éé(")
    assert (refusal.text, refusal.position) == ("Missing close parenthesis", 2)


def test_a_message_without_a_position_has_none() -> None:
    assert expressions.refusal_of("Too large.", "a") == expressions.Refusal("Too large", None)


@pytest.mark.parametrize(
    ("pattern", "word"), [(r"a\yb", "character y"), ("a{1,5}", "upper bound"), ("é", "UTF-8")]
)
def test_what_may_not_mean_what_was_meant_is_warned_of(pattern: str, word: str) -> None:
    (warning,) = expressions.warnings(pattern)
    assert word in warning


@pytest.mark.parametrize("pattern", [r"a\d\.b", "a{5}", "a{1,5}b", r"a\{1,5\}", "[a-z]+"])
def test_what_is_clear_is_not_warned_of(pattern: str) -> None:
    assert expressions.warnings(pattern) == ()

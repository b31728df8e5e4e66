"""Candidates of one request: bisected where a child ran into a limit, and how far."""

from __future__ import annotations

from typing import Any

import pytest

from dataplane.waf.compiling import work
from dataplane.waf.compiling.child import ChildLimits
from dataplane.waf.compiling.work import KILLS_MAX, Examining

HOSTILE = "hostile"


class Child:
    """Admits what is sound; fails as a whole when something hostile is in it."""

    fd = 3

    def __init__(self, _limits: ChildLimits, run: Any) -> None:
        self._group = run.args[1]

    def hear(self) -> bool:
        return True

    def outcome(self) -> dict[str, Any]:
        if any(one.pattern.startswith(HOSTILE) for one in self._group):
            return {"failed": "it takes too long"}
        return {"admitted": [[None, None, None, []] for _ in self._group]}


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "Child", Child)


def refused(patterns: list[str]) -> dict[int, str]:
    examining = Examining(None, [(one, ["any"]) for one in patterns], "own")  # type: ignore[arg-type]
    while examining.start() is not None:
        assert examining.hear()
        examining.take()
    verdicts = examining.answer()["admitted"]
    return {index: one.refusal for index, one in enumerate(verdicts) if one.refusal}


@pytest.mark.usefixtures("children")
def test_the_guilty_of_a_group_are_found() -> None:
    patterns = [f"good{number}" for number in range(100)]
    patterns[17] = patterns[80] = HOSTILE
    assert refused(patterns) == dict.fromkeys((17, 80), "it takes too long")


@pytest.mark.usefixtures("children")
def test_with_too_many_of_them_groups_are_refused_whole() -> None:
    patterns = [HOSTILE if number % 4 == 0 else "good" for number in range(400)]
    found = refused(patterns)
    assert all(number in found for number in range(0, 400, 4))
    innocent = {text for number, text in found.items() if number % 4}
    assert innocent == {"it was not tried: too many of the patterns beside it can't be compiled"}


@pytest.mark.usefixtures("children")
def test_a_few_dear_ones_cost_nobody_else_anything() -> None:
    patterns = ["good"] * 1000
    for number in (3, 500, 999):
        patterns[number] = HOSTILE
    assert set(refused(patterns)) == {3, 500, 999}
    assert KILLS_MAX >= 3 * 11

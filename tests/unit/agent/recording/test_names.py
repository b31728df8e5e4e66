"""Names of rules."""

from __future__ import annotations

from typing import Any

from api.agent.node_api import RequestError
from api.agent.recording.names import AWAY_S, KEPT_MAX, KEPT_S, RuleNames
from dataplane.waf.document import rule_id


class FakeApi:
    def __init__(self) -> None:
        self.asked: list[str] = []
        self.status = 200

    def request(self, method: str, path: str, body: object = None) -> dict[str, Any]:  # noqa: ARG002
        self.asked.append(f"{method} {path}")
        if self.status != 200:
            raise RequestError(self.status, "no")
        return {"name": "sqli", "severity": "high", "pattern": "x"}


def named(api: FakeApi) -> tuple[RuleNames, list[float]]:
    now = [0.0]
    return RuleNames(api, lambda: now[0]), now


def test_a_rule_is_asked_for_once_in_a_while() -> None:
    api = FakeApi()
    names, now = named(api)
    assert [names(7), names(7)] == ["sqli"] * 2
    assert api.asked == [f"GET rules/{rule_id(7)}"]
    now[0] = KEPT_S
    names(7)
    assert len(api.asked) == 2


def test_a_rule_that_is_gone_has_no_name_and_is_not_asked_for_again() -> None:
    api = FakeApi()
    api.status = 404
    names, _ = named(api)
    assert [names(7), names(7)] == [None] * 2
    assert len(api.asked) == 1


def test_an_api_that_is_away_is_left_alone_and_what_was_known_is_told() -> None:
    api = FakeApi()
    names, now = named(api)
    names(7)
    api.status, now[0] = 0, KEPT_S
    assert [names(7), names(8)] == ["sqli", None]
    assert len(api.asked) == 2
    api.status, now[0] = 200, KEPT_S + AWAY_S
    assert names(8) == "sqli"


def test_so_many_are_kept_and_no_more() -> None:
    api = FakeApi()
    names, _ = named(api)
    for number in range(KEPT_MAX + 1):
        names(number)
    asked = len(api.asked)
    names(KEPT_MAX)
    assert len(api.asked) == asked
    names(0)
    assert len(api.asked) == asked + 1

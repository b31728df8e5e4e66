"""``GET /rules/evidence``: the newest requests that rules hit."""

from __future__ import annotations

from dataclasses import replace

from tests.support.values.evidence import EVIDENCE

from ..conftest import Api
from .rules_support import add


def test_evidence_is_shown_with_its_time_and_by_rule(api: Api) -> None:
    api.plane.hit = [EVIDENCE]
    page = api.get("/rules/evidence").json
    assert page == {
        "evidence": [
            {
                "at": "2026-09-21T14:11:40.000Z",
                "rule": "rule_17",
                "name": None,
                "group": None,
                "action": "block",
                "severity": "high",
                "hits": 0,
                "mode": "enforce",
                "incident": "00000000000000ff",
                "client": "192.0.2.7",
                "client_port": 4711,
                "host": "198.51.100.1",
                "port": 80,
                "profile": "web",
                "path": "/search",
                "target": "query",
                "request_line": "GET /search?q=union+select HTTP/1.1",
                "excerpt": "q=union select",
            }
        ]
    }
    assert api.get("/rules/evidence?rule=rule_17").json == page
    assert api.get("/rules/evidence?rule=rule_18").json == {"evidence": []}
    assert api.get("/rules/evidence?rule=17").status_code == 422
    api.plane.away = True
    answer = api.get("/rules/evidence")
    assert (answer.status_code, bool(answer.headers["Retry-After"])) == (503, True)


def test_evidence_has_what_the_rule_is_called_now(api: Api) -> None:
    add(api, "a", group="xss", name="a name")
    api.plane.hit = [
        replace(EVIDENCE, rule=number, severity="critical", line="GET /a/b?token=*** HTTP/1.1")
        for number in (1, 2)
    ]
    api.plane.hits_by_rule = {1: 12}
    api.plane.lacks_rules = {2}
    found = api.get("/rules/evidence").json["evidence"]
    fields = ("rule", "name", "group", "severity", "hits", "path")
    assert [tuple(each[field] for field in fields) for each in found] == [
        ("rule_1", "a name", "xss", "critical", 12, "/a/b"),
        ("rule_2", None, None, "critical", None, "/a/b"),
    ]

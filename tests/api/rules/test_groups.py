"""Groups of rules: kept with each rule, bounded, and what a policy may say of them."""

from __future__ import annotations

from typing import Any

import pytest

from api.management.rules import service
from dataplane.waf.document import from_row

from ..conftest import Api
from .rules_support import add, changes


def patch(api: Api, **said: Any) -> Any:
    return api.call("PATCH", "/rules/rule_1", json=said)


def test_a_rule_changes_its_group_and_leaves_it(api: Api) -> None:
    assert add(api, "a", group="xss").json["group"] == "xss"
    assert patch(api, group="scanners").json["group"] == "scanners"
    assert patch(api, enabled=False).json["group"] == "scanners"
    assert patch(api, group=None).json["group"] is None
    groups = [from_row(change.row).group for change in changes(api)]
    assert groups == ["xss", "scanners", "scanners", None]


def test_only_so_many_groups_may_be(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "GROUPS_MAX", 2)
    assert add(api, "a", group="one").status_code == 201
    assert add(api, "b", group="two").status_code == 201
    assert add(api, "c", group="two").status_code == 201
    for answer in (add(api, "d", group="three"), patch(api, group="three")):
        assert answer.status_code == 409
        (error,) = answer.json["errors"]
        assert (error["field"], error["limit"]) == ("group", "2 groups")
    api.delete("/rules/rule_1")
    assert add(api, "d", group="three").status_code == 201


def test_a_policy_that_names_a_group_without_rules_is_taken_with_a_warning(api: Api) -> None:
    add(api, "a", group="xss")
    rule = {"type": "waf", "groups": {"xss": "off", "scanners": "monitor"}}
    answer = api.call("PUT", "/policy", json={"name": "x", "rules": [rule]})
    assert answer.status_code == 200
    (warning,) = answer.json["warnings"]
    assert "'scanners'" in warning
    assert {
        "profile": "default",
        "setting": "groups",
        "before": "default",
        "after": "scanners monitor, xss off",
    } in answer.json["changes"]
    shown = api.get("/policy").json["policy"]["rules"][0]
    assert shown["groups"] == rule["groups"]

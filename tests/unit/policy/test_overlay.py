"""What is laid over a policy: what it does, to which profiles, and what it leaves alone."""

from __future__ import annotations

from typing import Any

import pytest

from dataplane.base.errors import InvalidInputError
from dataplane.native.abi import Mode, Reason, SynProxy
from dataplane.policy import (
    CompiledProfile,
    compile_policy,
    lay_over,
    parse_overlay,
    parse_policy,
)
from dataplane.policy.rules.limits.rate_limit import RateLimitRule

PANIC = {"kind": "panic"}
WEB = {"name": "web", "targets": ["203.0.113.0/24"]}


def laid(policy: dict[str, Any], *overlays: dict[str, Any]) -> dict[str, CompiledProfile]:
    profiles = compile_policy(parse_policy({"name": "p", **policy}))
    lay_over(profiles, [parse_overlay(each) for each in overlays])
    return {profile.name: profile for profile in profiles}


def limits(profile: CompiledProfile) -> dict[str | None, int]:
    return {rule.kind: rule.value for rule in profile.rules if isinstance(rule, RateLimitRule)}


def test_panic_lets_every_profile_only_watch_and_answer_nobody() -> None:
    found = laid({"syn": "always", "profiles": [{**WEB, "syn": "always"}]}, PANIC)
    assert {profile.cap for profile in found.values()} == {Mode.MONITOR}
    assert {profile.syn for profile in found.values()} == {SynProxy.OFF}


def test_panic_does_not_switch_a_profile_on_that_is_off() -> None:
    assert laid({"mode": "off"}, PANIC)["default"].cap is Mode.OFF


def test_panic_beats_whatever_else_is_laid() -> None:
    overlay = {"kind": "syn_proxy", "profile": "web"}
    assert laid({"profiles": [WEB]}, PANIC, overlay)["web"].syn is SynProxy.OFF


def test_the_syn_proxy_is_on_for_one_profile() -> None:
    policy = {"syn": "off", "profiles": [{**WEB, "syn": "off"}]}
    found = laid(policy, {"kind": "syn_proxy", "profile": "web"})
    assert found["web"].syn is SynProxy.ALWAYS
    assert found["default"].syn is SynProxy.OFF


def test_a_limit_is_put_where_there_is_none() -> None:
    found = laid({"profiles": [WEB]}, {"kind": "limit", "profile": "web", "value": 100})
    assert limits(found["web"]) == {"rate_limit per source in packets": 100}
    assert found["web"].modes[Reason.RATE_SOURCE_PACKETS] is Mode.ENFORCE
    assert limits(found["default"]) == {}


@pytest.mark.parametrize(
    ("value", "action", "left"),
    [(50, "enforce", 50), (500, "enforce", 100), (50, "monitor", 100), (50, "off", 100)],
)
def test_the_tighter_limit_that_is_enforced_is_the_one(value: int, action: str, left: int) -> None:
    rule = {"type": "rate_limit", "value": value, "action": action}
    found = laid(
        {"profiles": [{**WEB, "rules": [rule]}]},
        {"kind": "limit", "profile": "web", "value": 100},
    )
    assert limits(found["web"]) == {"rate_limit per source in packets": left}
    assert found["web"].modes[Reason.RATE_SOURCE_PACKETS] is Mode.ENFORCE


def test_limits_of_other_kinds_stay() -> None:
    rule = {"type": "rate_limit", "value": 7, "unit": "connections"}
    found = laid(
        {"profiles": [{**WEB, "rules": [rule]}]},
        {"kind": "limit", "profile": "web", "value": 100},
    )
    assert limits(found["web"]) == {
        "rate_limit per source in connections": 7,
        "rate_limit per source in packets": 100,
    }


def test_requests_are_limited_only_where_they_are_inspected() -> None:
    overlay = {"kind": "limit", "profile": "web", "unit": "requests", "value": 5}
    assert limits(laid({"profiles": [WEB]}, overlay)["web"]) == {}
    with_http = {**WEB, "http": {"ports": [80]}}
    assert limits(laid({"profiles": [with_http]}, overlay)["web"]) == {
        "rate_limit per source in requests": 5
    }


@pytest.mark.parametrize("mode", ["monitor", "off"])
def test_a_profile_that_only_watches_is_not_made_to_act(mode: str) -> None:
    policy = {"profiles": [{**WEB, "mode": mode}]}
    found = laid(
        policy,
        {"kind": "limit", "profile": "web", "value": 100},
        {"kind": "syn_proxy", "profile": "web"},
    )
    assert limits(found["web"]) == {}
    assert found["web"].syn is SynProxy.OFF


def test_a_profile_that_the_policy_does_not_have_is_no_error() -> None:
    laid({}, {"kind": "limit", "profile": "gone", "value": 100})


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({}, "kind"),
        ({"kind": "reboot"}, "kind"),
        ({"kind": "panic", "profile": "web"}, "profile"),
        ({"kind": "syn_proxy"}, "profile"),
        ({"kind": "syn_proxy", "profile": 7}, "profile"),
        ({"kind": "limit", "profile": "web"}, "value"),
        ({"kind": "limit", "profile": "web", "value": 0}, "value"),
        ({"kind": "limit", "profile": "web", "value": "9"}, "value"),
        ({"kind": "limit", "profile": "web", "value": 9, "unit": "bits"}, "unit"),
    ],
)
def test_what_is_no_overlay_is_refused_by_its_field(document: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        parse_overlay(document)
    assert refused.value.field == field

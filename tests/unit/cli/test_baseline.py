"""``secbeat baseline``: what it shows, and the policies it proposes."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from appliance.cli.commands.baseline.proposal import threshold
from dataplane.detection.thresholds import DEFAULT
from dataplane.policy import load_policy_file, parse_policy
from dataplane.policy.limit import BITS_MAX, PACKETS_MAX

RULE = {"type": "detection", "action": "enforce", "requests": 0, "response": "blacklist"}
POLICY: dict[str, Any] = {
    "name": 'über "all" \\ \u202e\x7f',
    "syn": "always",
    "http": {"ports": [80, 8080]},
    "rules": [{"type": "sanity", "action": "monitor", "reasons": ["land"]}],
    "neighbors": [{"address": "192.0.2.1", "protocols": ["bgp"], "name": "core"}],
    "profiles": [
        {"name": "web", "targets": ["198.51.100.0/24"], "mode": "monitor", "rules": [RULE]},
        {"name": "mail", "targets": ["203.0.113.0/24"], "rules": []},
    ],
}


def metric(name: str, highest: int) -> dict[str, Any]:
    rates = {"p50": 1, "p99": highest // 2, "p999": highest - 1, "max": highest}
    return {"metric": name, **rates, "max_hour_of_week": 38, "by_hour": None}


def profile(name: str, hours: float, *metrics: dict[str, Any]) -> dict[str, Any]:
    beside = {"hours": hours, "hours_of_week": 41, "attacked_hours": 0.5}
    return {"profile": name, **beside, "metrics": list(metrics)}


def answer(api: Any, *profiles: dict[str, Any], policy: dict[str, Any] = POLICY) -> None:
    api.answers_with(200, {"revision": 7, "state": "in_force", "policy": policy})
    body = {"period_seconds": 10, "profiles_beyond": 0, "profiles": list(profiles)}
    api.answers_with(200, body)


def rule(policy: dict[str, Any]) -> dict[str, Any]:
    (found,) = (each for each in policy["rules"] if each["type"] == "detection")
    return found


@pytest.fixture
def proposed(api: Any, secbeat: Any) -> Any:
    answer(
        api,
        profile("default", 41.2, metric("syns", 1024)),
        profile("web", 168, metric("syns", 861), metric("requests", 5), metric("bits", 10**9)),
        profile("mail", 23.9, metric("syns", 4)),
    )
    return secbeat("baseline", "propose")


def test_a_proposal_is_a_policy_that_validates(proposed: Any, secbeat: Any, tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(proposed.out)
    assert secbeat("policy", "validate", str(file)).code == 0


def test_what_is_not_proposed_stays_as_it_was(proposed: Any, tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(proposed.out)
    found = load_policy_file(file).model_dump(mode="json")
    for each in (found, *found["profiles"]):
        each["rules"] = [one for one in each["rules"] if one["type"] != "detection"]
    before = parse_policy(POLICY).model_dump(mode="json")
    before["profiles"][0]["rules"] = []
    assert found == before


def test_a_threshold_is_three_times_the_highest_rate(proposed: Any) -> None:
    policy = tomllib.loads(proposed.out)
    assert rule(policy) == {"type": "detection", "action": "monitor", "syns": 3100}
    web = rule(policy["profiles"][0])
    assert (web["syns"], web["bits"]) == (2600, 3 * 10**9)


def test_what_was_off_stays_off_and_the_response_stays(proposed: Any) -> None:
    web = rule(tomllib.loads(proposed.out)["profiles"][0])
    assert (web["requests"], web["response"], web["action"]) == (0, "blacklist", "enforce")


def test_the_evidence_stands_above_each_threshold(proposed: Any) -> None:
    lines = proposed.out.splitlines()
    above = lines[lines.index("syns = 2600") - 1]
    assert above == "# p50 1, p99 430, p99.9 860, max 861 (Tue 14:00 UTC); 3 x max"
    recorded = "# Proposed from 168 h in 41 hours of the week; 0.5 h with attacks are left out."
    assert recorded in lines


def test_less_than_a_day_is_not_enough(proposed: Any) -> None:
    assert proposed.code == 0
    assert tomllib.loads(proposed.out)["profiles"][1]["rules"] == []
    assert "mail: 23.9 h are recorded, at least 24 h are needed" in proposed.err


def test_less_than_a_day_is_enough_if_that_is_allowed(api: Any, secbeat: Any) -> None:
    answer(api, profile("mail", 0.1, metric("syns", 400)))
    done = secbeat("baseline", "propose", "--allow-short", "--factor", "2")
    assert rule(tomllib.loads(done.out)["profiles"][1])["syns"] == 800


def test_a_proposal_of_nothing_is_refused_and_says_why(api: Any, secbeat: Any) -> None:
    answer(api, profile("web", 3, metric("syns", 400)), profile("mail", 30))
    done = secbeat("baseline", "propose")
    assert (done.code, done.out) == (1, "")
    assert "web: 3 h are recorded" in done.err
    assert "mail: no traffic was recorded in 30 h" in done.err
    assert "default: no traffic was recorded in 0 h" in done.err


def test_a_profile_whose_detection_is_off_is_left_alone(api: Any, secbeat: Any) -> None:
    off = {"name": "p", "rules": [{"type": "detection", "action": "off"}]}
    answer(api, profile("default", 100, metric("syns", 400)), policy=off)
    done = secbeat("baseline", "propose")
    assert done.code == 1
    assert "default: its rule detection is off" in done.err


def test_nothing_is_changed(proposed: Any, api: Any) -> None:
    assert [(one.method, one.path) for one in api.requests] == [
        ("GET", "/api/v1/policy"),
        ("GET", "/api/v1/baseline"),
    ]


def test_json_is_the_policy_as_the_api_takes_it(api: Any, secbeat: Any) -> None:
    answer(api, profile("default", 41, metric("syns", 1024)))
    document = secbeat("baseline", "propose", "--json").json
    assert rule(document)["syns"] == 3100
    assert parse_policy(document).name == POLICY["name"]


@pytest.mark.parametrize(
    ("name", "highest", "expected"),
    [
        ("syns", 1, DEFAULT.syns // 10),
        ("slow", 1, DEFAULT.slow),
        ("bits", 1, 100_000_000),
        ("packets", 1, 10_000),
        ("udp", 33_400, 110_000),
        ("udp", PACKETS_MAX, PACKETS_MAX),
        ("bits", BITS_MAX, BITS_MAX),
    ],
)
def test_a_threshold_is_never_senseless(name: str, highest: int, expected: int) -> None:
    assert threshold(name, highest, 3) == expected


def test_show_has_a_line_for_each_profile_and_metric(api: Any, secbeat: Any) -> None:
    web = profile("web", 168, metric("syns", 861))
    api.answers_with(200, {"period_seconds": 10, "profiles_beyond": 2, "profiles": [web]})
    done = secbeat("baseline", "show")
    assert done.out.splitlines()[1] == "web\tsyns\t1\t430\t860\t861\tTue 14:00\t168"
    assert "2 profiles are not recorded" in done.err


def test_show_of_one_profile_has_a_line_for_each_hour(api: Any, secbeat: Any) -> None:
    hour = {"hour_of_week": 167, "hours": 2.0, "p50": 1, "p99": 2, "max": 3}
    web = profile("web", 168, {**metric("syns", 3), "by_hour": [hour]})
    api.answers_with(200, {"period_seconds": 10, "profiles_beyond": None, "profiles": [web]})
    done = secbeat("baseline", "show", "web")
    assert api.requests[0].query == {"profile": "web"}
    assert done.out.splitlines()[1] == "syns\tSun 23:00\t1\t2\t3\t2.0"

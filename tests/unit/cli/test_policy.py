"""``secbeat policy``: what it asks the API for, and what it says of the answer."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

RULE = {"type": "sanity", "action": "monitor", "reasons": ["land"]}
LIMIT = {
    "type": "rate_limit",
    "action": "enforce",
    "value": 1000,
    "per": "source",
    "unit": "packets",
}
CHANGE = {"profile": "default", "setting": "land", "before": "default", "after": "monitor"}
ANSWER = {
    "revision": 7,
    "state": "in_force",
    "name": "watch",
    "replaces": 6,
    "of_revision": None,
    "changes": [CHANGE],
    "warnings": [],
}
SHOWN = {
    "revision": 7,
    "state": "in_force",
    "created_at": "2026-11-26T00:00:00.000Z",
    "created_by": "admin",
    "policy": {
        "name": "watch",
        "rules": [RULE, {"type": "blacklist", "action": "off"}],
        "profiles": [
            {
                "name": "web",
                "targets": ["198.51.100.0/24", "2001:db8::/32"],
                "mode": "monitor",
                "rules": [LIMIT],
            }
        ],
    },
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "watch.toml"
    path.write_text(
        'name = "watch"\n[[rules]]\ntype = "sanity"\naction = "monitor"\nreasons = ["land"]\n'
    )
    return path


def test_apply_sends_the_file_as_json(api: Any, secbeat: Any, file: Path) -> None:
    api.answers_with(200, ANSWER)
    done = secbeat("policy", "apply", str(file))
    assert (done.code, api.requests[0].method, api.requests[0].path) == (0, "PUT", "/api/v1/policy")
    assert api.requests[0].json == {"name": "watch", "rules": [RULE]}
    assert api.requests[0].query == {}
    assert done.out.splitlines()[0] == (
        "watch is the policy, 1 setting changed: in force (revision 7)"
    )
    assert done.out.splitlines()[-1] == "default\tland\tdefault\tmonitor"


def test_apply_waits_when_it_is_told_to(api: Any, secbeat: Any, file: Path) -> None:
    where = "/api/v1/revisions/7"
    api.answers_with(202, {**ANSWER, "state": "pending"}, Location=where)
    api.answers_with(200, {"revision": 7, "state": "in_force"})
    done = secbeat("policy", "apply", str(file), "--wait", "--json")
    assert done.json == ANSWER
    assert api.requests[1].path == where


def test_diff_changes_nothing(api: Any, secbeat: Any, file: Path) -> None:
    api.answers_with(200, {**ANSWER, "revision": None, "state": "dry_run"})
    done = secbeat("policy", "diff", str(file))
    assert api.requests[0].query == {"dry_run": "true"}
    assert done.out.splitlines()[0] == "watch would change 1 setting"


def test_a_file_that_is_no_policy_is_never_sent(api: Any, secbeat: Any, tmp_path: Path) -> None:
    path = tmp_path / "bad.json"
    path.write_text('{"name": "x", "rules": [{"type": "sanity", "action": "drop"}]}')
    for command in ("apply", "diff", "validate"):
        done = secbeat("policy", command, str(path))
        assert done.code == 65
        assert "rules[0].action" in done.err
    assert api.requests == []


def test_validate_needs_no_node(secbeat: Any, file: Path) -> None:
    done = secbeat("policy", "validate", str(file))
    assert (done.code, done.out) == (
        0,
        f"{file}: watch, 0 profiles beside the default, 1 rules: valid\n",
    )
    assert secbeat("policy", "validate", str(file), "--json").json["name"] == "watch"


@pytest.mark.parametrize("text", ['name = "piped"', ' {"name": "piped"}'])
def test_a_policy_from_stdin_is_json_if_it_begins_so(
    secbeat: Any, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    assert secbeat("policy", "validate", "-", "--json").json["name"] == "piped"


def test_what_comes_from_stdin_and_is_none_is_refused(
    secbeat: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"{")))
    done = secbeat("policy", "validate", "-")
    assert (done.code, done.err.startswith("secbeat: policy file - is not JSON")) == (65, True)


def test_show_lists_the_rules(api: Any, secbeat: Any) -> None:
    api.answers_with(200, SHOWN)
    assert secbeat("policy", "show").out.splitlines() == [
        "watch: in_force (revision 7)",
        "",
        "profile default (enforce): everything else",
        "type\taction\tdetails",
        "sanity\tmonitor\treasons land",
        "blacklist\toff\tall",
        "",
        "profile web (monitor): 198.51.100.0/24, 2001:db8::/32",
        "type\taction\tdetails",
        "rate_limit\tenforce\tvalue 1000, per source, unit packets",
    ]
    assert secbeat("policy", "show", "--json").json == SHOWN
    secbeat("policy", "show", "--revision", "3")
    assert api.requests[-1].path == "/api/v1/policy/history/3"


def test_show_lists_the_neighbours(api: Any, secbeat: Any) -> None:
    neighbors = [
        {"address": "203.0.113.1", "protocols": ["bgp", "bfd"], "name": "transit 1"},
        {"address": "2001:db8::/64", "protocols": ["ospf"]},
    ]
    api.answers_with(200, {**SHOWN, "policy": {"name": "peers", "neighbors": neighbors}})
    assert secbeat("policy", "show").out.splitlines()[1:5] == [
        "",
        "neighbor\tprotocols\tname",
        "203.0.113.1\tbgp bfd\ttransit 1",
        "2001:db8::/64\tospf\t-",
    ]


def test_what_is_shown_can_be_applied(api: Any, secbeat: Any, tmp_path: Path) -> None:
    path = tmp_path / "shown.json"
    path.write_text(json.dumps(SHOWN["policy"]))
    api.answers_with(200, ANSWER)
    assert secbeat("policy", "apply", str(path)).code == 0
    assert api.requests[0].json == SHOWN["policy"]


def test_history_is_listed(api: Any, secbeat: Any) -> None:
    row = {"revision": 7, "name": "watch", "profiles": 2, "rules": 1, "action": "policy.put"}
    row |= {"created_at": "2026-11-26T00:00:00.000Z", "created_by": "admin"}
    api.answers_with(200, {"history": [row], "total": 1, "next_cursor": None})
    done = secbeat("policy", "history", "--limit", "5")
    assert api.requests[0].query == {"limit": "5"}
    assert done.out.splitlines()[-1].split("\t")[:4] == ["7", "watch", "2", "1"]


@pytest.mark.parametrize(("words", "body"), [([], {}), (["3"], {"revision": 3})])
def test_rollback_says_which_policy_it_made_the_newest_and_how_to_undo_that(
    api: Any, secbeat: Any, words: list[str], body: dict[str, int]
) -> None:
    api.answers_with(200, {**ANSWER, "of_revision": 3, "changes": []})
    done = secbeat("policy", "rollback", *words)
    assert (api.requests[0].path, api.requests[0].json) == ("/api/v1/policy/rollback", body)
    assert done.out == (
        "watch of revision 3 is the policy again, nothing changed: in force (revision 7)\n"
        "to undo it: secbeat policy rollback 6\n"
    )


def test_a_rollback_to_before_the_first_policy_is_to_the_default(api: Any, secbeat: Any) -> None:
    api.answers_with(200, {**ANSWER, "name": "default", "of_revision": 0, "changes": []})
    out = secbeat("policy", "rollback").out
    assert out.startswith("the default policy is the policy again, nothing changed")


def test_what_show_prints_is_what_apply_takes(
    api: Any, secbeat: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.answers_with(200, SHOWN)
    shown = secbeat("policy", "show", "--json").out
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(shown.encode())))
    api.answers.clear()
    api.answers_with(200, ANSWER)
    assert secbeat("policy", "apply", "-").code == 0
    assert api.requests[-1].json == SHOWN["policy"]


def test_every_mistake_of_a_file_is_told(api: Any, secbeat: Any, tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text('name = "x"\nsyn = "alway"\n[[rules]]\ntype = "rate_limit"\nvlaue = 5\n')
    done = secbeat("policy", "apply", str(path))
    assert (done.code, api.requests) == (65, [])
    assert [
        line.removeprefix(f"secbeat: policy file {path}: ") for line in done.err.splitlines()
    ] == [
        "syn: Input should be 'off', 'auto' or 'always'; did you mean 'always'? (is 'alway')",
        "rules[0].value: Field required",
        "rules[0].vlaue: no such field; did you mean 'value'? (is 5)",
    ]


def test_show_takes_what_an_earlier_release_has_stored(api: Any, secbeat: Any) -> None:
    old = {"profiles": [{"rules": [{"type": "tarpit", "delay_ms": 9}]}]}
    api.answers_with(200, {**SHOWN, "state": "rejected", "policy": old})
    done = secbeat("policy", "show")
    assert done.code == 0
    assert "rejected (revision 7)" in done.out
    assert "tarpit" in done.out
    assert "delay_ms 9" in done.out

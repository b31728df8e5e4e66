"""``secbeat blacklist`` and ``allowlist``: add, remove, show and list entries."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.cli.lists.documents import ENTRY

LISTS = pytest.mark.parametrize("name", ["blacklist", "allowlist"])


@LISTS
def test_add_posts_what_was_given_and_nothing_else(name: str, api: Any, secbeat: Any) -> None:
    api.answers_with(201, ENTRY)
    done = secbeat(name, "add", "192.0.2.7", "--reason", "scan", "--duration", "2h")
    (request,) = api.requests
    assert (request.method, request.path) == ("POST", f"/api/v1/{name}")
    assert request.json == {"ip": "192.0.2.7", "reason": "scan", "duration_seconds": 7200}
    assert request.headers["X-SecBeat-API-Key"] == "k" * 32
    assert (done.code, done.err) == (0, "")
    assert done.out == f"192.0.2.7 is on the {name}: in force (revision 7)\n"


def test_add_without_duration_has_no_end(api: Any, secbeat: Any) -> None:
    api.answers_with(201, ENTRY)
    secbeat("blacklist", "add", "192.0.2.7")
    assert api.requests[0].json == {"ip": "192.0.2.7"}


def test_json_is_what_the_api_said(api: Any, secbeat: Any) -> None:
    api.answers_with(201, {**ENTRY, "warnings": ["overlaps"]})
    done = secbeat("blacklist", "add", "192.0.2.7", "--json")
    assert done.json == {**ENTRY, "warnings": ["overlaps"]}
    assert done.err == ""


def test_warnings_are_said_on_stderr(api: Any, secbeat: Any) -> None:
    api.answers_with(201, {**ENTRY, "warnings": ["192.0.2.1 is on the allowlist"]})
    done = secbeat("blacklist", "add", "192.0.2.0/24")
    assert done.err == "secbeat: warning: 192.0.2.1 is on the allowlist\n"


@pytest.mark.parametrize(
    ("network", "segment"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("192.0.2.0/24", "192.0.2.0%2F24"),
        ("2001:db8::/32", "2001:db8::%2F32"),
        ("../keys/1?x=#", "..%2Fkeys%2F1%3Fx%3D%23"),
    ],
)
@pytest.mark.parametrize(("verb", "method"), [("show", "GET"), ("remove", "DELETE")])
def test_networks_are_one_segment_of_the_path(
    network: str, segment: str, verb: str, method: str, api: Any, secbeat: Any
) -> None:
    api.answers_with(200, ENTRY)
    secbeat("blacklist", verb, network)
    assert (api.requests[0].method, api.requests[0].path) == (
        method,
        f"/api/v1/blacklist/{segment}",
    )


def test_remove_in_force_and_pending(api: Any, secbeat: Any) -> None:
    api.answers_with(204)
    done = secbeat("blacklist", "remove", "192.0.2.7")
    assert (done.code, done.out) == (0, "192.0.2.7 is off the blacklist: in force\n")
    api.answers.clear()
    api.answers_with(202, {}, Location="/api/v1/revisions/8")
    done = secbeat("blacklist", "remove", "192.0.2.7", "--json")
    assert done.json == {"ip": "192.0.2.7", "remaining": [], "state": "pending", "revision": 8}


def test_list_is_tab_separated_off_a_terminal(api: Any, secbeat: Any) -> None:
    entry = {**ENTRY, "reason": "evil\x1b[2J\ttab", "hits": None}
    api.answers_with(200, {"blacklist": [entry], "total": 5, "next_cursor": "c"})
    done = secbeat("blacklist", "list", "--limit", "1")
    header, row = done.out.splitlines()
    assert api.requests[0].query == {"limit": "1"}
    assert header.split("\t")[0] == "ip"
    assert row.split("\t")[-1] == r"evil\x1b[2J\ttab"
    assert row.split("\t")[2] == "-"
    assert done.err == "secbeat: 1 of 5 shown\n"


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_list_all_follows_the_cursor(flags: list[str], api: Any, secbeat: Any) -> None:
    entries = [{**ENTRY, "ip": f"192.0.2.{i}"} for i in range(3)]
    api.answers_with(200, {"blacklist": entries[:2], "total": 3, "next_cursor": "abc"})
    api.answers_with(200, {"blacklist": entries[2:], "total": None, "next_cursor": None})
    done = secbeat("blacklist", "list", "--all", *flags)
    assert [request.query.get("cursor") for request in api.requests] == [None, "abc"]
    if flags:
        assert done.json == {"blacklist": entries, "total": 3, "next_cursor": None}
    else:
        assert [line.split("\t")[0] for line in done.out.splitlines()[1:]] == [
            entry["ip"] for entry in entries
        ]
    assert done.err == ""


def test_list_all_asks_for_hits_only_if_they_are_wanted(api: Any, secbeat: Any) -> None:
    api.answers_with(200, {"blacklist": [ENTRY], "total": 1, "next_cursor": None})
    words = [("list", "--all"), ("list", "--all", "--hits"), ("list",)]
    heads = [secbeat("blacklist", *each).out.splitlines()[0].split("\t") for each in words]
    assert ["hits" in head for head in heads] == [False, True, True]
    asked = [request.query.get("hits") for request in api.requests]
    assert asked == ["false", None, None]
    assert secbeat("blacklist", "list", "--all", "--hits", "--fleet").code == 2


def test_add_with_force_asks_for_it(api: Any, secbeat: Any) -> None:
    api.answers_with(201, {**ENTRY, "ip": "0.0.0.0/0"})
    assert secbeat("allowlist", "add", "0.0.0.0/0", "--force").code == 0
    assert api.requests[0].query == {"force": "true"}


LOOKUP = {
    **ENTRY,
    "others": [],
    "asked": "192.0.2.7",
    "list": "blacklist",
    "verdict": "allowed",
    "decided_by": {"list": "allowlist", "ip": "192.0.2.0/28"},
    "covering": [
        {"list": "allowlist", "ip": "192.0.2.0/28"},
        {"list": "blacklist", "ip": "192.0.2.0/24"},
    ],
    "inside": [],
}


def test_show_says_the_verdict_and_what_covers(api: Any, secbeat: Any) -> None:
    api.answers_with(200, LOOKUP)
    lines = secbeat("blacklist", "show", "192.0.2.7").out.splitlines()
    assert lines[1:5] == [
        "asked\t192.0.2.7",
        "list\tblacklist",
        "verdict\tallowed by 192.0.2.0/28 of the allowlist",
        "covered by\t192.0.2.0/28 of the allowlist, 192.0.2.0/24 of the blacklist",
    ]
    assert api.requests[0].query == {"covering": "true"}
    assert secbeat("blacklist", "show", "192.0.2.7", "--json").json == LOOKUP


def test_show_names_the_list_of_an_entry_of_the_other_one(api: Any, secbeat: Any) -> None:
    body = {**LOOKUP, "list": "allowlist", "ip": "192.0.2.0/28"}
    api.answers_with(200, body)
    done = secbeat("blacklist", "show", "192.0.2.7")
    assert done.code == 0
    rows = dict(line.split("\t") for line in done.out.splitlines())
    assert (rows["list"], rows["ip"]) == ("allowlist", "192.0.2.0/28")
    assert rows["verdict"] == "allowed by 192.0.2.0/28 of the allowlist"
    assert secbeat("blacklist", "show", "192.0.2.7", "--json").json == body


def test_lists_are_filtered_and_ordered(api: Any, secbeat: Any) -> None:
    api.answers_with(200, {"blacklist": [ENTRY], "total": 1, "next_cursor": None})
    words = ("--reason", "spam", "--created-by", "night", "--text", "x", "--sort", "hits")
    assert secbeat("blacklist", "list", *words, "--since", "2026-11-08T10:30:00Z").code == 0
    assert api.requests[0].query == {
        "limit": "100",
        "reason": "spam",
        "created_by": "night",
        "text": "x",
        "sort": "hits",
        "since": "2026-11-08T10:30:00Z",
    }
    refused = secbeat("blacklist", "list", "--all", "--sort", "hits")
    assert (refused.code, "--all doesn't go with --sort hits" in refused.err) == (2, True)
    assert secbeat("blacklist", "list", "--fleet", "--sort", "hits").code == 2

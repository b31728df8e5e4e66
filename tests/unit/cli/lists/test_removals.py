"""``secbeat blacklist remove`` and origins, against an API that says what it is told."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.lists.documents import IMPORTED

REMOVED = {
    "revision": 9,
    "state": "in_force",
    "removed": 3,
    "removed_by_origin": {"feed:drop": 2, "manual": 1},
}


def test_add_and_import_send_the_origin(api: Any, secbeat: Any, tmp_path: Path) -> None:
    api.answers_with(201, {"ip": "192.0.2.7", "state": "in_force", "revision": 8})
    secbeat("blacklist", "add", "192.0.2.7", "--origin", "feed:drop")
    assert api.requests[0].json == {"ip": "192.0.2.7", "origin": "feed:drop"}
    file = tmp_path / "feed.txt"
    file.write_text("192.0.2.1\n")
    api.answers[:] = [(201, {**IMPORTED, "added": 1, "replaced": 2, "skipped": 0}, {})]
    flags = ("--origin", "feed:drop", "--on-conflict", "replace")
    done = secbeat("blacklist", "import", file, *flags)
    assert api.requests[1].query == {"origin": "feed:drop", "on_conflict": "replace"}
    what = "3 of 3 lines are put on the blacklist, 2 replaced"
    assert done.out == f"{what}: in force (revision 9)\n"


def test_list_shows_one_origin(api: Any, secbeat: Any) -> None:
    api.answers_with(200, {"blacklist": [], "total": 0, "next_cursor": None})
    secbeat("blacklist", "list", "--origin", "manual")
    secbeat("blacklist", "list", "--origin", "manual", "--all")
    assert [request.query["origin"] for request in api.requests] == ["manual", "manual"]


def test_show_has_the_other_origins_below(api: Any, secbeat: Any) -> None:
    other = {"origin": "manual", "expires_at": None, "reason": "scan"}
    api.answers_with(200, {"ip": "192.0.2.7", "origin": "feed:drop", "others": [other]})
    done = secbeat("blacklist", "show", "192.0.2.7")
    assert done.out.splitlines()[-1] == "also of manual\twithout end scan"
    assert secbeat("blacklist", "show", "192.0.2.7", "--json").json["others"] == [other]


def test_remove_names_the_origin_and_says_which_remain(api: Any, secbeat: Any) -> None:
    body = {"remaining": ["feed:drop", "fleet"], "state": "in_force", "revision": 9}
    api.answers_with(200, body)
    done = secbeat("blacklist", "remove", "192.0.2.7", "--origin", "incident")
    assert (api.requests[0].method, api.requests[0].query) == ("DELETE", {"origin": "incident"})
    assert done.out == (
        "192.0.2.7 stays on the blacklist by feed:drop, fleet; one entry is gone: "
        "in force (revision 9)\n"
    )


def test_remove_in_bulk_sends_every_condition(api: Any, secbeat: Any, tmp_path: Path) -> None:
    file = tmp_path / "bans.txt"
    file.write_text("# old\n192.0.2.1\n\n10.0.0.0/8 # private\n")
    api.answers_with(200, REMOVED)
    flags = ("--reason", "scan", "--created-by", "robot", "--origin", "manual", "--file", file)
    done = secbeat("blacklist", "remove", *flags)
    (request,) = api.requests
    assert (request.method, request.path) == ("POST", "/api/v1/blacklist/remove")
    assert (request.query, request.json) == (
        {},
        {
            "reason": "scan",
            "created_by": "robot",
            "origin": "manual",
            "networks": ["192.0.2.1", "10.0.0.0/8"],
        },
    )
    assert done.out == (
        "3 entries (2 of feed:drop, 1 of manual) are off the blacklist: in force (revision 9)\n"
    )


def test_a_dry_run_counts_and_says_that_nothing_is_changed(api: Any, secbeat: Any) -> None:
    api.answers_with(200, {**REMOVED, "state": "dry_run", "revision": None})
    done = secbeat("allowlist", "remove", "--origin", "feed:drop", "--dry-run")
    assert api.requests[0].query == {"dry_run": "true"}
    assert (done.code, done.out) == (
        0,
        "3 entries (2 of feed:drop, 1 of manual) would go from the allowlist; nothing is changed\n",
    )
    assert (
        secbeat("allowlist", "remove", "--origin", "x", "--dry-run", "--json").json["removed"] == 3
    )


def test_remove_reads_networks_from_stdin(api: Any, secbeat: Any, monkeypatch: Any) -> None:
    body = b"192.0.2.1 ; \xff\n192.0.2.2 #" + b"x" * 5000
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(body), encoding="utf-8"))
    api.answers_with(200, REMOVED)
    secbeat("blacklist", "remove", "--file", "-")
    assert api.requests[0].json == {"networks": ["192.0.2.1", "192.0.2.2"]}


@pytest.mark.parametrize(
    "flags",
    [
        [],
        ["--dry-run"],
        ["192.0.2.1", "--reason", "x"],
        ["192.0.2.1", "--dry-run"],
        ["192.0.2.1", "--file", "x"],
        ["--file", "/nonexistent"],
        ["--file", "/dev/null"],
    ],
)
def test_what_names_nothing_or_too_much_is_a_usage_error(
    flags: list[str], api: Any, secbeat: Any
) -> None:
    assert secbeat("blacklist", "remove", *flags).code == 2
    assert api.requests == []


def test_a_file_is_read_as_an_import_reads_it(api: Any, secbeat: Any, tmp_path: Path) -> None:
    file = tmp_path / "bans.txt"
    file.write_bytes(b"\xef\xbb\xbf192.0.2.1 ; SBL1\r\n192.0.2.4-192.0.2.6\n")
    api.answers_with(200, REMOVED)
    secbeat("blacklist", "remove", "--file", file)
    assert api.requests[0].json == {"networks": ["192.0.2.1", "192.0.2.4/31", "192.0.2.6"]}


RANGE = "192.0.2.1\n192.0.2.1-192.0.2.3\n192.0.2.1\n"
"""192.0.2.1 and 192.0.2.2/31."""


@pytest.mark.parametrize(
    ("by_origin", "kept", "told"),
    [
        ({"manual": 1}, {}, "1 of 2 networks have no such entry"),
        ({}, {}, "2 of 2 networks have no such entry"),
        ({}, {"kept_of_fleet": 1}, "1 of 2 networks have no such entry"),
        ({"manual": 1, "incident": 1}, {}, ""),
        ({"manual": 2}, {}, ""),
    ],
)
def test_networks_of_a_file_that_are_no_entries_are_counted(
    by_origin: dict[str, int],
    kept: dict[str, int],
    told: str,
    api: Any,
    secbeat: Any,
    tmp_path: Path,
) -> None:
    file = tmp_path / "bans.txt"
    file.write_text(RANGE)
    counts = {"removed": sum(by_origin.values()), "removed_by_origin": by_origin, **kept}
    api.answers_with(200, REMOVED | counts)
    for flags in ((), ("--dry-run",)):
        done = secbeat("blacklist", "remove", "--file", file, *flags)
        assert ("have no such entry" in done.err) is bool(told)
        assert told in done.err
    assert api.requests[0].json == {"networks": ["192.0.2.1", "192.0.2.2/31"]}


def test_entries_of_several_origins_give_a_lower_limit(
    api: Any, secbeat: Any, tmp_path: Path
) -> None:
    file = tmp_path / "bans.txt"
    file.write_text("192.0.2.1\n192.0.2.3\n192.0.2.5\n")
    counts = {"removed": 2, "removed_by_origin": {"manual": 1, "incident": 1}}
    api.answers_with(200, REMOVED | counts)
    done = secbeat("blacklist", "remove", "--file", file)
    assert "secbeat: at least 1 of 3 networks have no such entry on the blacklist" in done.err


def test_every_bad_line_of_a_file_is_named(api: Any, secbeat: Any, tmp_path: Path) -> None:
    file = tmp_path / "bans.txt"
    file.write_text("x\n192.0.2.1\ny\n")
    done = secbeat("blacklist", "remove", "--file", file)
    assert (done.code, api.requests) == (65, [])
    assert [line.partition(": '")[0] for line in done.err.splitlines()] == [
        f"secbeat: {file}, line 1",
        f"secbeat: {file}, line 3",
    ]


def test_more_networks_than_the_api_takes_are_refused_by_name_of_the_limit(
    api: Any, secbeat: Any, tmp_path: Path
) -> None:
    file = tmp_path / "bans.txt"
    file.write_text("192.0.2.1\n" * 10_001)
    done = secbeat("blacklist", "remove", "--file", file)
    assert (done.code, api.requests) == (2, [])
    assert "10000" in done.err


DRY = {**REMOVED, "state": "dry_run", "revision": None}


def test_flush_counts_then_removes(api: Any, secbeat: Any) -> None:
    api.answers_with(200, DRY)
    api.answers_with(200, REMOVED)
    done = secbeat("blacklist", "flush", "--origin", "feed:drop", "--reason", "x", "--yes")
    assert [(each.path, each.query) for each in api.requests] == [
        ("/api/v1/blacklist/remove", {"dry_run": "true"}),
        ("/api/v1/blacklist/remove", {}),
    ]
    assert api.requests[0].json == api.requests[1].json == {"origin": "feed:drop", "reason": "x"}
    assert done.out == (
        "3 entries (2 of feed:drop, 1 of manual) are off the blacklist: in force (revision 9)\n"
    )


@pytest.mark.parametrize(("said", "code", "requests"), [("y\n", 0, 2), ("n\n", 1, 1)])
def test_flush_asks_on_a_terminal(
    said: str, code: int, requests: int, api: Any, secbeat: Any, monkeypatch: Any
) -> None:
    answers = io.StringIO(said)
    monkeypatch.setattr(answers, "isatty", lambda: True)
    monkeypatch.setattr("sys.stdin", answers)
    api.answers_with(200, DRY)
    api.answers_with(200, REMOVED)
    done = secbeat("allowlist", "flush", "--created-by", "robot")
    assert (done.code, len(api.requests)) == (code, requests)
    assert "Take 3 entries (2 of feed:drop, 1 of manual) off the allowlist?" in done.err
    assert ("nothing is changed" in done.err) is (code == 1)


@pytest.mark.parametrize("flags", [[], ["--yes"], ["--origin", "manual"], ["--reason", "x"]])
def test_flush_wants_a_condition_and_a_terminal_to_ask_on(
    flags: list[str], api: Any, secbeat: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert secbeat("blacklist", "flush", *flags).code == 2
    assert api.requests == []


def test_flush_of_nothing_changes_nothing(api: Any, secbeat: Any) -> None:
    api.answers_with(200, {**DRY, "removed": 0, "removed_by_origin": {}})
    done = secbeat("blacklist", "flush", "--origin", "feed:x", "--yes")
    assert (done.code, len(api.requests)) == (0, 1)
    assert done.out == "no entry of the blacklist meets the conditions; nothing is changed\n"


@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_flush_and_remove_of_nothing_say_the_same(
    flags: tuple[str, ...], api: Any, secbeat: Any
) -> None:
    nothing = {"revision": None, "removed": 0, "removed_by_origin": {}}
    api.answers_with(200, {**nothing, "state": "dry_run"})
    api.answers_with(200, {**nothing, "state": "in_force"})
    flushed = secbeat("blacklist", "flush", "--origin", "feed:x", "--yes", *flags)
    removed = secbeat("blacklist", "remove", "--origin", "feed:x", *flags)
    assert flushed == removed
    assert "in force" not in removed.out
    if flags:
        assert removed.json["state"] == "in_force"


def test_flush_of_the_fleet_s_entries_alone_says_that_they_stay(api: Any, secbeat: Any) -> None:
    counted = {"removed": 0, "kept_of_fleet": 25, "removed_by_origin": {}, "state": "dry_run"}
    api.answers_with(200, counted)
    done = secbeat("blacklist", "flush", "--reason", "scan", "--yes")
    assert len(api.requests) == 1
    assert done.out == "no other entry of the blacklist meets the conditions; nothing is changed\n"
    assert done.err == "secbeat: 25 are the fleet's and stay: remove them with --fleet\n"

"""The commands: what they ask of the API, what they print, how they exit."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

ENTRY = {
    "ip": "192.0.2.7",
    "reason": "scan",
    "duration_seconds": 3600,
    "created_at": "2026-01-01T00:00:00.000Z",
    "expires_at": "2026-01-01T01:00:00.000Z",
    "created_by": "admin",
    "hits": 3,
    "state": "in_force",
    "revision": 7,
}
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


def test_pending_is_said(api: Any, secbeat: Any) -> None:
    api.answers_with(202, {**ENTRY, "state": "pending"}, Location="/api/v1/revisions/7")
    done = secbeat("blacklist", "add", "192.0.2.7")
    assert done.code == 0
    assert "pending: committed, not yet in force (revision 7)" in done.out


def test_wait_polls_until_in_force(api: Any, secbeat: Any) -> None:
    api.answers_with(202, {**ENTRY, "state": "pending"}, Location="/api/v1/revisions/7")
    api.answers_with(200, {"revision": 7, "state": "pending"})
    api.answers_with(200, {"revision": 7, "state": "in_force"})
    done = secbeat("blacklist", "add", "192.0.2.7", "--wait", "--json")
    assert [request.path for request in api.requests[1:]] == ["/api/v1/revisions/7"] * 2
    assert done.json["state"] == "in_force"


def test_wait_says_what_was_rejected(api: Any, secbeat: Any) -> None:
    api.answers_with(202, {**ENTRY, "state": "pending"})
    api.answers_with(200, {"revision": 7, "state": "rejected", "reason": "table is full"})
    done = secbeat("blacklist", "add", "192.0.2.7", "--wait")
    assert (done.code, done.err) == (1, "secbeat: revision 7 was rejected: table is full\n")


def test_rejected_at_once_is_no_success(api: Any, secbeat: Any) -> None:
    api.answers_with(202, {**ENTRY, "state": "rejected"})
    api.answers_with(200, {"revision": 7, "state": "rejected", "reason": "table is full"})
    done = secbeat("blacklist", "add", "192.0.2.7", "--json")
    assert (done.code, done.out) == (1, "")
    assert done.err == "secbeat: revision 7 was rejected: table is full\n"


def test_wait_ends(api: Any, secbeat: Any) -> None:
    api.answers_with(202, {**ENTRY, "state": "pending"})
    api.answers_with(200, {"revision": 7, "state": "pending"})
    done = secbeat("blacklist", "add", "192.0.2.7", "--wait", "--timeout", "0.1")
    assert done.code == 75
    assert "still pending after 0.1 s" in done.err


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
    api.answers_with(200, {"blacklist": entries[2:], "total": 3, "next_cursor": None})
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


TOO_MANY = {
    "detail": "the key 'admin': more than 3 writes in a minute",
    "errors": [
        {
            "field": "key",
            "value": "admin",
            "limit": "3 writes in a minute",
            "message": "the key 'admin': more than 3 writes in a minute",
        }
    ],
}


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    found: list[float] = []
    monkeypatch.setattr("appliance.cli.client.node_api.time.sleep", found.append)
    return found


def test_list_all_waits_when_it_is_told_to(api: Any, secbeat: Any, waits: list[float]) -> None:
    api.answers_with(429, {"detail": "slow down"}, Retry_After="5")
    api.answers_with(200, {"blacklist": [], "total": 0, "next_cursor": None})
    done = secbeat("blacklist", "list", "--all")
    assert (done.code, waits) == (0, [5])
    assert done.err == "secbeat: slow down (HTTP 429); trying again in 5 s\n"


def test_a_change_waits_too_and_says_which_limit_of_which_key(
    api: Any, secbeat: Any, waits: list[float]
) -> None:
    api.answers_with(429, TOO_MANY, Retry_After="7")
    api.answers_with(201, ENTRY)
    done = secbeat("blacklist", "add", "192.0.2.7", "--json")
    assert (done.code, waits, done.json) == (0, [7], ENTRY)
    assert "the key 'admin': more than 3 writes in a minute; trying again in 7 s" in done.err
    assert [each.body for each in api.requests] == [api.requests[0].body] * 2


def test_an_import_that_is_sent_again_is_sent_whole(
    api: Any, secbeat: Any, waits: list[float], tmp_path: Path
) -> None:
    file = tmp_path / "bans.txt"
    file.write_bytes(b"192.0.2.1\n" * 20_000)
    api.answers_with(429, TOO_MANY, Retry_After="1")
    api.answers_with(201, IMPORTED)
    assert secbeat("blacklist", "import", file).code == 0
    assert waits == [1]
    assert [each.body for each in api.requests] == [file.read_bytes()] * 2


def test_a_wait_that_is_too_long_is_left_to_the_caller(
    api: Any, secbeat: Any, waits: list[float]
) -> None:
    api.answers_with(429, TOO_MANY, Retry_After="301")
    done = secbeat("blacklist", "add", "192.0.2.7")
    assert (done.code, waits) == (75, [])
    assert done.err.endswith("secbeat: it takes requests again in 301 s\n")


IMPORTED = {
    "revision": 9,
    "state": "in_force",
    "lines": 3,
    "added": 2,
    "skipped": 1,
    "skipped_lines": [{"line": 3, "ip": "x", "why": "is no address"}],
}


def test_import_sends_the_file_as_it_is(api: Any, secbeat: Any, tmp_path: Path) -> None:
    file = tmp_path / "bans.txt"
    file.write_bytes(b"192.0.2.1\n# why\n192.0.2.0/24\nx\n")
    api.answers_with(201, IMPORTED)
    done = secbeat("blacklist", "import", file, "--on-conflict", "skip", "--duration", "1d")
    (request,) = api.requests
    assert request.path == "/api/v1/blacklist/import"
    assert request.query == {"on_conflict": "skip", "duration_seconds": "86400"}
    assert request.headers["Content-Type"] == "text/plain"
    assert request.headers["Content-Length"] == str(file.stat().st_size)
    assert request.body == file.read_bytes()
    assert done.out == "2 of 3 lines are on the blacklist, 1 skipped: in force (revision 9)\n"
    assert done.err == "secbeat: line 3: x: is no address\n"


def test_import_names_lines_that_are_refused_and_counts_networks(
    api: Any, secbeat: Any, tmp_path: Path
) -> None:
    file = tmp_path / "bans.txt"
    file.write_bytes(b"x\n")
    refused = [{"line": 2, "value": "x", "why": "'x' is not an IP address or prefix"}]
    more = {"networks": 4, "added": 4, "skipped": 0, "skipped_lines": [], "refused": 1}
    warning = "line 3: 10.0.0.0/7 is shorter than /8"
    answer = {**IMPORTED, **more, "refused_lines": refused, "warnings": [warning]}
    api.answers_with(201, answer)
    done = secbeat("blacklist", "import", file, "--on-error", "skip", "--force")
    assert api.requests[0].query == {"on_conflict": "fail", "on_error": "skip", "force": "true"}
    assert done.out == "4 of 4 networks are on the blacklist, 1 refused: in force (revision 9)\n"
    assert done.err == (
        f"secbeat: line 2: 'x' is not an IP address or prefix\nsecbeat: warning: {warning}\n"
    )


def test_add_with_force_asks_for_it(api: Any, secbeat: Any) -> None:
    api.answers_with(201, {**ENTRY, "ip": "0.0.0.0/0"})
    assert secbeat("allowlist", "add", "0.0.0.0/0", "--force").code == 0
    assert api.requests[0].query == {"force": "true"}


def test_a_signature_before_ndjson_is_nothing(api: Any, secbeat: Any, tmp_path: Path) -> None:
    file = tmp_path / "bans.ndjson"
    file.write_bytes(b'\xef\xbb\xbf{"ip": "192.0.2.1"}\n')
    api.answers_with(201, IMPORTED)
    secbeat("blacklist", "import", file)
    assert api.requests[0].headers["Content-Type"] == "application/x-ndjson"


def test_import_reads_stdin_and_sees_ndjson(api: Any, secbeat: Any, monkeypatch: Any) -> None:
    body = b'{"ip": "192.0.2.1"}\n'
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(body)))
    api.answers_with(201, IMPORTED)
    done = secbeat("allowlist", "import", "-", "--json")
    assert api.requests[0].headers["Content-Type"] == "application/x-ndjson"
    assert api.requests[0].body == body
    assert done.json == IMPORTED


@pytest.mark.parametrize("content", [None, b""])
def test_import_of_no_file_or_nothing_is_a_usage_error(
    content: bytes | None, api: Any, secbeat: Any, tmp_path: Path
) -> None:
    file = tmp_path / "bans.txt"
    if content is not None:
        file.write_bytes(content)
    assert secbeat("blacklist", "import", file).code == 2
    assert api.requests == []


@pytest.mark.parametrize(
    ("health", "code"), [("healthy", 0), ("degraded", 3), ("unhealthy", 3), (None, 3)]
)
@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_status_exits_with_the_health(
    health: str | None, code: int, flags: list[str], api: Any, secbeat: Any
) -> None:
    body = {"status": "running", "health": health, "reasons": [], "connections": {"active": None}}
    api.answers_with(200, body)
    done = secbeat("status", *flags)
    assert done.code == code
    if flags:
        assert done.json == body
    else:
        assert "connections.active\t-" in done.out.splitlines()


@pytest.mark.parametrize(
    ("reasons", "error", "line"),
    [
        (["dataplane_away"], "ports.outside.device: no port", "ports.outside.device: no port"),
        (["dataplane_away"], None, "the data plane is away; `journalctl -b -u secbeat-dataplane`"),
        (["link"], None, "a data port has no link; `secbeat stats` says which (ports.*.link_up)"),
        (["agent_away"], None, None),
    ],
)
def test_status_says_that_nothing_is_forwarded_and_why(
    reasons: list[str], error: str | None, line: str | None, api: Any, secbeat: Any
) -> None:
    body = {"status": "degraded", "health": "x", "reasons": reasons, "dataplane_error": error}
    api.answers_with(200, body)
    said = [each for each in secbeat("status").out.splitlines() if "NOT FORWARDING" in each]
    assert said == ([f"NOT FORWARDING\t{line}"] if line else [])


def test_stats_flattens_what_is_nested(api: Any, secbeat: Any) -> None:
    api.answers_with(200, {"packets_processed": 5, "dropped_by_reason": {"blacklist": 2}})
    done = secbeat("stats")
    assert done.out.splitlines()[1:] == ["packets_processed\t5", "dropped_by_reason.blacklist\t2"]


def test_key_is_printed_alone_on_stdout(api: Any, secbeat: Any) -> None:
    made = {"id": "3", "name": "ci", "role": "read", "key": "secret", "created_at": "t"}
    api.answers_with(201, made)
    done = secbeat("keys", "create", "ci", "--role", "read", "--expires", "90d")
    assert api.requests[0].json == {
        "name": "ci",
        "role": "read",
        "expires_in_seconds": 90 * 86_400,
    }
    assert done.out == "secret\n"
    assert "not shown again" in done.err


def test_keys_list_and_delete(api: Any, secbeat: Any) -> None:
    api.answers_with(200, {"keys": [{"id": "3", "name": "ci", "role": "read"}], "total": 1})
    assert secbeat("keys", "list").out.splitlines()[1].startswith("3\tci\tread\t")
    api.answers.clear()
    api.answers_with(204)
    assert secbeat("keys", "delete", "3").out == "key 3 is deleted\n"
    assert (api.requests[-1].method, api.requests[-1].path) == ("DELETE", "/api/v1/keys/3")


def test_audit_list(api: Any, secbeat: Any) -> None:
    row = {"id": 1, "at": "t", "key": "admin", "action": "blacklist.put", "target": "192.0.2.7"}
    api.answers_with(200, {"audit": [row], "total": 1, "next_cursor": None})
    assert "192.0.2.7" in secbeat("audit", "list").out
    assert secbeat("audit", "list", "--json").json["audit"] == [row]


def test_unknown_role_is_a_usage_error(secbeat: Any) -> None:
    assert secbeat("keys", "create", "x", "--role", "root").code == 2


def test_version(secbeat: Any) -> None:
    done = secbeat("version", "--json")
    assert json.loads(done.out)["version"] == secbeat("--version").out.strip()


def test_status_says_first_that_a_policy_drops_nothing_and_what_goes_on(
    api: Any, secbeat: Any
) -> None:
    lax = [{"profile": f"p{n}", "mode": "monitor"} for n in range(12)]
    attack = {"id": "attack_1", "type": "syn_flood", "target": "198.51.100.80", "profile": "shop"}
    attack |= {"action": "challenged", "packets_per_second": 90_000, "bits_per_second": 46_080_000}
    rates = {f"{one}_packets_per_second": 5 for one in ("received", "forwarded", "consumed")}
    rates |= {"dropped_packets_per_second": 0, "received_bits_per_second": 2560}
    body = {
        "status": "running",
        "policy": {"name": "trial", "mode": "off", "revision": 3, "not_enforced": lax},
        "rates": rates,
        "attacks": {"active": 1, "suppressed": 0, "heaviest": [attack]},
        "syn_proxy": {
            "profiles": 2,
            "always": ["bank"],
            "on_count": 2,
            "on_for": [
                {"profile": "shop", "address": "198.51.100.80"},
                {"profile": "web", "address": None},
            ],
        },
        "panic": {"until": "2026-11-30T12:00:00.000Z", "by": "x", "reason": None},
        "health": "healthy",
        "reasons": [],
    }
    api.answers_with(200, body)
    lines = secbeat("status").out.splitlines()
    assert lines[1:9] == [
        "policy\ttrial: off (revision 3)",
        f"NOTHING IS DROPPED\tin {', '.join(f'p{n} (monitor)' for n in range(10))} and 2 more",
        "PANIC MODE\tuntil 2026-11-30T12:00:00.000Z: all profiles are in monitor",
        "packets per second\t5 received, 5 forwarded, 5 consumed, 0 dropped",
        "bits per second\t2560 received",
        "UNDER ATTACK\t198.51.100.80: syn_flood, 90000 packets per second, challenged, attack_1",
        "SYN proxy\ton for 198.51.100.80, profile web, profile bank (always)",
        "status\trunning",
    ]
    assert "attacks.active\t1" in lines
    assert secbeat("status", "--json").json == body


LOOKUP = {
    **ENTRY,
    "others": [],
    "asked": "192.0.2.7",
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
    assert lines[1:4] == [
        "asked\t192.0.2.7",
        "verdict\tallowed by 192.0.2.0/28 of the allowlist",
        "covered by\t192.0.2.0/28 of the allowlist, 192.0.2.0/24 of the blacklist",
    ]
    assert api.requests[0].query == {"covering": "true"}
    assert secbeat("blacklist", "show", "192.0.2.7", "--json").json == LOOKUP


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


def test_the_audit_is_filtered_and_says_before_and_after(api: Any, secbeat: Any) -> None:
    row = {"id": 1, "at": "t", "key": "k", "role": "admin", "source": "s", "action": "a"}
    row |= {"target": "x", "revision": 2, "request_id": "r", "before": None, "after": {"on": True}}
    api.answers_with(200, {"audit": [row], "total": 1, "next_cursor": None})
    done = secbeat("audit", "list", "--key", "k", "--action", "policy", "--sort", "oldest")
    assert done.out.splitlines()[1].split("\t")[-2:] == ["-", '{"on": true}']
    asked = {"limit": "100", "key": "k", "action": "policy", "sort": "oldest"}
    assert api.requests[0].query == asked

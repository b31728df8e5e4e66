"""A ban stops a client, and nothing but its end or the allowlist lets it back."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from urllib.parse import quote

import pytest

from tests.support.instances.lab import SECBEAT, Lab, run
from tests.support.network.peers import vlan, wait_until_refused
from tests.support.terminals import on_terminal
from tests.support.waiting import wait_for


@dataclass(frozen=True)
class Case:
    """What is banned, the source that it hits, and one that it does not hit."""

    ban: str
    source: str
    other: str
    url: str


TERMS_S = (4, 20, 60)
"""The first is enough for a client to find out, unless the machine stalls just then."""
ORIGIN4, ORIGIN6 = "http://198.19.0.1/", "http://[2001:2::2:1]/"
CASES = {
    "ipv4": Case("198.18.1.1", "198.18.1.1", "198.18.1.2", ORIGIN4),
    "ipv4-prefix": Case("198.18.2.0/25", "198.18.2.127", "198.18.2.128", ORIGIN4),
    "ipv6": Case("2001:2::3:1", "2001:2::3:1", "2001:2::3:2", ORIGIN6),
    "ipv6-prefix": Case("2001:2:0:0:4::/80", "2001:2::4:0:0:1", "2001:2::5:0:0:1", ORIGIN6),
}


@pytest.fixture(params=CASES.values(), ids=CASES.keys())
def case(lab: Lab, request: pytest.FixtureRequest) -> Case:
    chosen: Case = request.param
    length = 64 if ":" in chosen.source else 15
    for address in (chosen.source, chosen.other):
        lab.add_address("client", f"{address}/{length}")
    return chosen


def path_of(name: str, network: str) -> str:
    return f"/{name}/{quote(network, safe='/')}"


def reaches(lab: Lab, url: str, source: str) -> bool:
    return lab.curl(url, source).returncode == 0


def is_stopped(lab: Lab, url: str, source: str) -> bool:
    """No answer in a time in which others have theirs a hundred times."""
    return lab.curl(url, source, timeout_s=1).returncode != 0


def test_a_ban_stops_its_source_and_no_other_until_it_is_deleted(lab: Lab, key, case):
    assert reaches(lab, case.url, case.source)
    lab.change("POST", "/blacklist", key, json={"ip": case.ban, "reason": "e2e"})
    assert is_stopped(lab, case.url, case.source)
    assert reaches(lab, case.url, case.other)
    entry = lab.api("GET", path_of("blacklist", case.ban), key).json()
    assert entry["state"] == "in_force"
    # Null from a data plane that was too busy to say.
    wait_for(
        lambda: lab.api("GET", path_of("blacklist", case.ban), key).json()["hits"],
        "the ban's hits are counted",
    )
    lab.change("DELETE", path_of("blacklist", case.ban), key)
    assert reaches(lab, case.url, case.source)


def test_a_ban_ends_by_itself(lab: Lab, key, case):
    def is_stopped_for(seconds: int) -> bool:
        lab.change("POST", "/blacklist", key, json={"ip": case.ban, "duration_seconds": seconds})
        return is_stopped(lab, case.url, case.source)

    assert any(map(is_stopped_for, TERMS_S))
    wait_for(lambda: not is_stopped(lab, case.url, case.source), "the ban is over", bound_s=120)


def test_a_ban_of_two_origins_holds_until_the_last_of_them_is_gone(lab: Lab, key, case):
    path = path_of("blacklist", case.ban)
    lab.change("POST", "/blacklist", key, json={"ip": case.ban})
    lab.change("POST", "/blacklist", key, json={"ip": case.ban, "origin": "feed:e2e"})
    assert is_stopped(lab, case.url, case.source)
    kept = lab.change("DELETE", path, key)
    assert kept.json()["remaining"] == ["feed:e2e"]
    assert is_stopped(lab, case.url, case.source)
    lab.change("POST", "/blacklist/remove", key, json={"origin": "feed:e2e"})
    assert reaches(lab, case.url, case.source)
    assert lab.api("GET", path, key).status_code == 404


def test_the_allowlist_beats_a_ban(lab: Lab, key):
    lab.add_address("client", "198.18.6.1/15")
    lab.add_address("client", "198.18.6.2/15")
    lab.change("POST", "/allowlist", key, json={"ip": "198.18.6.1"})
    wide = lab.change("POST", "/blacklist", key, json={"ip": "198.18.6.0/24"})
    assert wide.json()["warnings"]
    assert reaches(lab, ORIGIN4, "198.18.6.1")
    assert is_stopped(lab, ORIGIN4, "198.18.6.2")
    exact = lab.api("POST", "/blacklist", key, json={"ip": "198.18.6.1"})
    assert exact.status_code == 409, exact.text
    lab.change("DELETE", path_of("allowlist", "198.18.6.1"), key)
    assert is_stopped(lab, ORIGIN4, "198.18.6.1")
    lab.change("DELETE", path_of("blacklist", "198.18.6.0/24"), key)


def test_a_ban_holds_inside_a_vlan(lab: Lab, key):
    addresses = {"client": ["10.78.0.1/24"], "origin": ["10.78.0.2/24"]}
    with vlan(lab, 78, addresses):
        assert reaches(lab, "http://10.78.0.2/", "10.78.0.1")
        lab.change("POST", "/blacklist", key, json={"ip": "10.78.0.1"})
        assert is_stopped(lab, "http://10.78.0.2/", "10.78.0.1")
        lab.change("DELETE", path_of("blacklist", "10.78.0.1"), key)


def test_what_the_ban_has_dropped_is_counted_under_its_reason(lab: Lab, key):
    lab.add_address("client", "198.18.7.1/15")
    before = lab.quiet_stats().ports["outside"].dropped.get("blacklist", 0)
    lab.change("POST", "/blacklist", key, json={"ip": "198.18.7.1"})
    wait_until_refused(lab, ORIGIN4, "198.18.7.1")
    assert lab.quiet_stats().ports["outside"].dropped["blacklist"] > before
    lab.change("DELETE", path_of("blacklist", "198.18.7.1"), key)


def test_the_command_line_bans_too(lab: Lab):
    options = (
        *("--url", f"http://{lab.instance.address}:9999"),
        *("--key-file", str(lab.instance.admin_key)),
    )
    lab.add_address("client", "198.18.8.1/15")
    added = run(*SECBEAT, "blacklist", "add", "198.18.8.1", "--wait", *options)
    assert added.returncode == 0, added.stderr
    assert is_stopped(lab, ORIGIN4, "198.18.8.1")
    removed = run(*SECBEAT, "blacklist", "remove", "198.18.8.1", "--wait", *options)
    assert removed.returncode == 0, removed.stderr
    assert reaches(lab, ORIGIN4, "198.18.8.1")


def test_a_table_fits_a_narrow_terminal(lab: Lab):
    """Of 40 columns: the entry is whole, columns without room are named, no escape is sent."""
    options = (
        *("--url", f"http://{lab.instance.address}:9999"),
        *("--key-file", str(lab.instance.admin_key)),
    )
    network, reason = "2001:2:aaaa:bbbb::/64", "seen by the night shift, in many words"
    added = run(*SECBEAT, "blacklist", "add", network, "--reason", reason, "--wait", *options)
    assert added.returncode == 0, added.stderr
    code, shown = on_terminal((*SECBEAT, "blacklist", "list", *options), 40, {"NO_COLOR": "1"})
    removed = run(*SECBEAT, "blacklist", "remove", network, "--wait", *options)
    assert (code, removed.returncode) == (0, 0)
    assert network in shown
    assert "not shown: " in shown
    assert "\x1b" not in shown
    assert max(map(len, shown.splitlines())) <= 40


def test_a_feed_with_a_bad_line_bans_until_it_is_flushed(lab: Lab, tmp_path):
    """As feeds come: a signature, comments with semicolons, a range, a line that is damaged."""
    source, other = "198.18.3.6", "198.18.3.7"
    for address in (source, other):
        lab.add_address("client", f"{address}/15")
    feed = tmp_path / "feed.txt"
    feed.write_bytes(b"\xef\xbb\xbf; e2e\r\n198.18.3.4-198.18.3.6 ; net\r\nbad one\r\n")

    def secbeat(*words: str) -> subprocess.CompletedProcess[str]:
        api = ("--url", f"http://{lab.instance.address}:9999")
        key = ("--key-file", str(lab.instance.admin_key), "--wait")
        return run(*SECBEAT, "blacklist", *words, "--origin", "feed:e2e", *api, *key)

    refused = secbeat("import", str(feed))
    assert (refused.returncode, "line 3" in refused.stderr) == (1, True)
    assert reaches(lab, ORIGIN4, source)
    taken = secbeat("import", str(feed), "--on-error", "skip")
    assert (taken.returncode, "line 3" in taken.stderr) == (0, True), taken.stderr
    assert "2 of 2 networks are put on the blacklist, 1 refused" in taken.stdout
    assert is_stopped(lab, ORIGIN4, source)
    assert reaches(lab, ORIGIN4, other)
    flushed = secbeat("flush", "--yes")
    assert flushed.stdout.startswith("2 entries (2 of feed:e2e) are off the blacklist")
    assert reaches(lab, ORIGIN4, source)

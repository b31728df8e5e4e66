"""``secbeat attacks`` and ``secbeat events``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from api.common.attacks import attack_document
from appliance.cli.client import server_events
from tests.support.values.incidents import SYN_FLOOD, ended

ATTACK = attack_document(SYN_FLOOD)
PAGE = {"attacks": [ATTACK], "total": 1, "next_cursor": None, "warnings": []}
EVENT = {
    "sequence": 7,
    "id": "evt_1",
    "kind": "attack_detected",
    "at": "2026-01-01T00:00:00.000Z",
    "incident": SYN_FLOOD.id,
    "data": {"target": "203.0.113.10", "attack_type": "syn_flood", "totals": {"packets": 1}},
}


def test_list_asks_for_what_was_said_and_nothing_else(api: Any, secbeat: Any) -> None:
    api.answers_with(200, PAGE)
    done = secbeat("attacks", "list", "--state", "active", "--type", "syn_flood", "--limit", "5")
    (request,) = api.requests
    assert request.path == "/api/v1/attacks"
    assert request.query == {"state": "active", "type": "syn_flood", "limit": "5"}
    head, row = (line.split("\t") for line in done.out.splitlines())
    found = dict(zip(head, row, strict=True))
    assert (found["id"], found["peak_pps"], found["spoofed"]) == (SYN_FLOOD.id, "120000", "yes")


def test_list_says_what_is_missing(api: Any, secbeat: Any) -> None:
    api.answers_with(200, {**PAGE, "warnings": ["the data plane is away"]})
    done = secbeat("attacks", "list", "--json")
    assert done.err == "secbeat: warning: the data plane is away\n"
    assert done.json["attacks"] == [ATTACK]


def test_all_follows_the_pages(api: Any, secbeat: Any) -> None:
    api.answers_with(200, {**PAGE, "total": 2, "next_cursor": "1.attack_0000000000000001"})
    api.answers_with(200, {**PAGE, "total": 2})
    done = secbeat("attacks", "list", "--all", "--json")
    assert len(done.json["attacks"]) == 2
    assert api.requests[1].query["cursor"] == "1.attack_0000000000000001"


def test_show_says_everything_an_operator_asks(api: Any, secbeat: Any) -> None:
    over = attack_document(ended(), {"state": "in_force", "until": None, "entries": 3})
    over["response"]["kind"] = "blacklist"
    api.answers_with(200, over)
    out = secbeat("attacks", "show", SYN_FLOOD.id).out
    assert api.requests[0].path == f"/api/v1/attacks/{SYN_FLOOD.id}"
    for text in (
        "state\tended (quiet)",
        "trigger\tsyns_per_second 5400, threshold 1000",
        "peak\t120000 packets/s, 57600000 bit/s, 3 requests/s",
        "dropped by\tblacklist 190000",
        "sources\t1900, 97% seen once, forged",
        "source\t192.0.2.100 DE 400 packets (at most 7 too many)",
        "response\tblacklist (enforce): in_force, 3 entries",
        "ports\ttcp/80 100.0%",
        "packet sizes\tto 64 95.0%, larger 5.0%",
        "sampled\t1 packet of 16, 1 source of 64",
    ):
        assert text in out


def test_show_as_json_is_what_the_api_said(api: Any, secbeat: Any) -> None:
    api.answers_with(200, ATTACK)
    assert secbeat("attacks", "show", SYN_FLOOD.id, "--json").json == ATTACK


def test_pcap_is_written_as_it_came(
    api: Any, secbeat: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = b"\x0a\x0d\x0d\x0a" + bytes(range(256))
    api.answers_with(200, content)
    monkeypatch.chdir(tmp_path)
    done = secbeat("attacks", "pcap", SYN_FLOOD.id)
    assert (tmp_path / f"{SYN_FLOOD.id}.pcapng").read_bytes() == content
    assert done.out == f"{SYN_FLOOD.id}.pcapng: 260 bytes\n"
    named = secbeat("attacks", "pcap", SYN_FLOOD.id, tmp_path / "x.pcapng", "--json")
    assert named.json["bytes"] == 260


def test_pcap_says_why_there_is_none(api: Any, secbeat: Any, tmp_path: Path) -> None:
    api.answers_with(404, {"title": "Not Found", "detail": "there is no attack", "errors": []})
    done = secbeat("attacks", "pcap", SYN_FLOOD.id, tmp_path / "x.pcapng")
    assert (done.code, done.err) == (1, "secbeat: there is no attack (HTTP 404)\n")
    assert list(tmp_path.iterdir()) == []


def test_pcap_that_can_not_be_written_is_an_error(api: Any, secbeat: Any, tmp_path: Path) -> None:
    api.answers_with(200, b"content")
    done = secbeat("attacks", "pcap", SYN_FLOOD.id, tmp_path)
    assert done.code == 74
    assert "can't be written: Is a directory" in done.err


def test_events_are_shown_on_a_line_each(api: Any, secbeat: Any) -> None:
    api.answers_with(200, {"events": [EVENT], "total": 1, "next_cursor": None})
    done = secbeat("events", "--kind", "attack_detected", "--attack", SYN_FLOOD.id)
    assert api.requests[0].query == {
        "kind": "attack_detected",
        "incident": SYN_FLOOD.id,
        "limit": "100",
    }
    assert done.out.splitlines()[1].split("\t") == [
        "7",
        "2026-01-01T00:00:00.000Z",
        "attack_detected",
        SYN_FLOOD.id,
        "attack_type=syn_flood target=203.0.113.10",
    ]


def stream(*sequences: int, trouble: str = "") -> bytes:
    """What the API sends."""
    text = f": still here\nid: {sequences[0] - 1 if sequences else 0}\n\n"
    for sequence in sequences:
        data = json.dumps({**EVENT, "sequence": sequence})
        text += f"id: {sequence}\nevent: attack_detected\ndata: {data}\n\n"
    return (text + trouble).encode()


class Enough(BaseException):
    """The test has seen what it wanted."""


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the follower waited before it came back; the third time is Ctrl-C."""
    found: list[float] = []

    def sleep(seconds: float) -> None:
        found.append(seconds)
        if len(found) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(server_events.time, "sleep", sleep)
    return found


def test_follow_comes_back_after_the_last_event_that_it_has(
    api: Any, secbeat: Any, pauses: list[float]
) -> None:
    api.answers_with(200, stream(6, 7))
    api.answers_with(503, {"title": "full", "errors": []}, Retry_After="30")
    api.answers_with(200, stream(8))
    done = secbeat("events", "--follow", "--json", "--after", "5")
    documents = [json.loads(line) for line in done.out.splitlines()]
    assert [each["sequence"] for each in documents] == [6, 7, 8]
    asked = [request.headers.get("Last-Event-ID") for request in api.requests]
    assert asked == ["5", "7", "7"]
    assert (pauses, done.code) == ([1.0, 30.0, 1.0], 0)
    assert "following again" in done.err


def test_follow_comes_back_where_it_began_when_nothing_has_come(
    api: Any, secbeat: Any, pauses: list[float]
) -> None:
    api.answers_with(200, b": still here\nid: 41\n\n")
    secbeat("events", "--follow")
    asked = [request.headers.get("Last-Event-ID") for request in api.requests]
    assert asked == [None, "41", "41"]


def test_follow_that_is_refused_at_first_is_an_error(api: Any, secbeat: Any) -> None:
    api.answers_with(503, {"title": "Service Unavailable", "detail": "full", "errors": []})
    done = secbeat("events", "--follow")
    assert (done.code, done.err) == (69, "secbeat: full (HTTP 503)\n")


def test_after_belongs_to_follow(secbeat: Any) -> None:
    assert secbeat("events", "--after", "5").code == 2

"""``secbeat top``: rates between two polls, and a screen of 80 by 24."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
from dataclasses import replace
from typing import Any

import pytest

from api.common.attacks import attack_document
from appliance.cli.commands.top.poll import Poll, rates
from appliance.cli.commands.top.view import lines, short
from tests.support.values.incidents import SYN_FLOOD

PORT = {
    "received": 1000,
    "received_bytes": 64_000,
    "forwarded": 600,
    "forwarded_bytes": 38_400,
    "consumed": 0,
    "dropped": 400,
    "dropped_bytes": 25_600,
}
STATS: dict[str, Any] = {
    "ports": {"outside": PORT, "inside": dict.fromkeys(PORT, 0)},
    "dropped_by_reason": {"blacklist": 300, "rate": 100},
    "would_drop_by_reason": {"land": 10},
    "cpu_percent": 12.34,
    "requests_per_second": None,
}
STATUS: dict[str, Any] = {
    "version": "1.2.3",
    "status": "running",
    "health": "healthy",
    "reasons": [],
    "mode": "syn",
    "uptime_seconds": 100,
    "connections": {"active": 1247, "total": 9},
    "attacks": {"active": 1, "suppressed": 0},
}
HEAVY = {"address": "192.0.2.1", "country": "DE", "packets": 123_456, "error": 7}
TOP = {"at": None, "packets_every": 8, "sources": [HEAVY], "targets": [{**HEAVY, "country": "ZZ"}]}
ATTACKS = {"attacks": [attack_document(SYN_FLOOD)], "total": 1, "warnings": []}
NOW = Poll(10.0, STATUS, STATS, TOP, ATTACKS)


def later(seconds: float, **counted: int) -> Poll:
    """So much later, with so much more counted at the outside port."""
    port = {name: value + counted.get(name, 0) for name, value in PORT.items()}
    drops = {**STATS["dropped_by_reason"]}
    drops["blacklist"] += counted.get("dropped", 0)
    drops["new"] = counted.get("dropped", 0) * 2
    stats = {**STATS, "ports": {**STATS["ports"], "outside": port}, "dropped_by_reason": drops}
    return replace(NOW, at_s=NOW.at_s + seconds, stats=stats)


def test_rates_are_what_has_been_counted_in_between() -> None:
    found = rates(NOW, later(2.0, received=3000, received_bytes=100, dropped=500))
    assert found is not None
    assert found.packets["received"] == 1500
    assert found.packets["forwarded"] == 0
    assert found.bits["received"] == 400
    assert list(found.dropped.items()) == [("new", 500.0), ("blacklist", 250.0), ("rate", 0.0)]


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (None, NOW),
        (NOW, replace(later(1.0), stats=None)),
        (replace(NOW, stats=None), later(1.0)),
        (NOW, replace(later(1.0), status={**STATUS, "uptime_seconds": 3})),
        (NOW, later(1.0, received=-999)),
        (NOW, NOW),
    ],
    ids=["first", "away", "was away", "restarted", "counts less", "no time"],
)
def test_rates_that_can_not_be_known_are_not_made_up(before: Poll | None, now: Poll) -> None:
    assert rates(before, now) is None


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (0, "0"),
        (999, "999"),
        (999.6, "1.0k"),
        (1234, "1.2k"),
        (99_960, "100k"),
        (123_456, "123k"),
        (5_400_000, "5.4M"),
        (7e15, "7000T"),
    ],
)
def test_numbers_are_short(value: float | None, text: str) -> None:
    assert short(value) == text


def test_the_screen_says_what_happens() -> None:
    now = later(1.0, received=2_000_000, dropped=1_500_000)
    screen = lines(now, rates(NOW, now), (80, 24))
    text = "\n".join(screen)
    assert "running, healthy" in screen[0]
    assert "mode syn, up 1m" in screen[0]
    assert "attacks 1" in screen[1]
    for line in ("2.0M", "1.5M", "new", "3.0M", "syn_flood", "203.0.113.10", "challenged"):
        assert line in text
    assert "192.0.2.1 DE" in text
    assert "123k" in text


def test_the_screen_holds_in_80_by_24_however_much_there_is() -> None:
    stats = {**STATS, "dropped_by_reason": {f"reason_{n}" * 9: n for n in range(1, 30)}}
    none = {**STATS, "dropped_by_reason": {}}
    top = {**TOP, "sources": [{**HEAVY, "address": "2001:db8:" * 4 + ":1"}] * 32}
    attack = {**ATTACKS["attacks"][0], "target": "2001:db8:" * 4 + ":/64", "type": "x" * 40}
    status = {**STATUS, "reasons": ["state_log", "storage", "buffers"] * 9}
    before = replace(NOW, stats=none)
    now = Poll(11.0, status, stats, top, {**ATTACKS, "attacks": [attack] * 64})
    screen = lines(now, rates(before, now), (80, 24))
    assert len(screen) <= 24
    assert max(map(len, screen)) <= 80
    assert "... 26 more" in "\n".join(screen)
    assert "... 61 more" in "\n".join(screen)
    assert len(lines(now, None, (200, 60))) <= 60


def test_the_screen_is_there_without_a_data_plane() -> None:
    status = {**STATUS, "attacks": {"active": None}, "connections": {"active": None}}
    now = Poll(1.0, status, None, None, {**ATTACKS, "attacks": []})
    screen = lines(now, None, (80, 24))
    assert "attacks -" in screen[1]


def test_what_the_node_says_can_not_write_to_the_terminal() -> None:
    attack = {**ATTACKS["attacks"][0], "target": "\x1b[2J"}
    screen = lines(replace(NOW, attacks={**ATTACKS, "attacks": [attack]}), None, (80, 24))
    assert all(line.isprintable() for line in screen)


def answer_twice(api: Any) -> None:
    for stats in (STATS, later(1.0, received=100_000, dropped=5).stats):
        for body in (stats, STATUS, TOP, ATTACKS):
            api.answers_with(200, body)


def test_once_as_json_is_one_document(api: Any, secbeat: Any) -> None:
    answer_twice(api)
    done = secbeat("top", "--once", "--json", "--interval", "0.2")
    assert done.code == 0, done.err
    body = done.json
    assert body["rates"]["packets_per_second"]["received"] > 0
    assert body["rates"]["dropped_by_reason"]["new"] > 0
    assert body["top"] == TOP
    assert body["attacks"] == ATTACKS["attacks"]
    assert body["status"]["mode"] == "syn"


def test_once_is_a_screen_of_text(api: Any, secbeat: Any) -> None:
    answer_twice(api)
    done = secbeat("top", "--once", "--interval", "0.2")
    assert "syn_flood" in done.out
    assert "per second" in done.out


def test_without_a_terminal_or_once_it_is_a_mistake(secbeat: Any) -> None:
    assert secbeat("top").code == 2
    assert secbeat("top", "--json").code == 2


def test_nobody_who_answers_is_an_error(api: Any, secbeat: Any) -> None:
    api.answers_with(503, {"title": "Service Unavailable", "detail": "no API", "errors": []})
    assert secbeat("top", "--once").code == 69


@pytest.mark.parametrize(
    ("more", "has_escapes"),
    [
        ({"TERM": "xterm"}, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
    ],
)
def test_a_terminal_shows_it_until_ctrl_c(
    api: Any, more: dict[str, str], has_escapes: bool
) -> None:
    for body in (STATS, STATUS, TOP, ATTACKS):
        api.answers_with(200, body)
    api.answers_with(503, {"title": "Service Unavailable", "detail": "gone for now", "errors": []})
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    command = [sys.executable, "-m", "appliance.cli.main", "top", "--url", api.url]
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    environment |= {"SECBEAT_API_KEY": "k" * 32, **more}
    process = subprocess.Popen(
        [*command, "--interval", "0.2"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        seen = b""
        for wanted in (b"syn_flood", b"gone for now"):  # what fails is shown, and asked again
            while wanted not in seen:
                seen += os.read(ours, 65_536)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        assert (b"\x1b" in seen) is has_escapes
    finally:
        process.kill()
        process.wait()
        os.close(ours)

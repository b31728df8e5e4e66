"""Replay with rules of the WAF: which requests of a capture they would have hit."""

from __future__ import annotations

import ctypes
import json
from array import array
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from appliance.cli.app import app
from dataplane.base.errors import InvalidInputError
from dataplane.base.networks import Network
from dataplane.native.library import ENVIRONMENT_VARIABLE
from dataplane.pcap import Batch, create_capture
from dataplane.policy import parse_policy
from dataplane.replay.replay import Replay
from dataplane.replay.replay_report import WafReport
from dataplane.replay.rulefile import read_rules_file
from dataplane.waf.document import Rule
from tests.native.connections.connections_support import ACK, INSIDE, OUTSIDE, PSH, Pair
from tests.native.harness import Frame

SECOND = 10**9
START_NS = 1_790_000_000 * SECOND
NETWORKS = [Network.parse("198.51.100.0/24")]
UNION, LOGIN, AGENT = (
    Rule(1, "union\\s+select", severity="high", name="sql"),
    Rule(3, "^/login", action="log", targets=("path",)),
    Rule(7, "evilbot", targets=("header:user-agent",)),
)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def get(target: bytes, agent: bytes = b"x") -> bytes:
    return b"GET " + target + b" HTTP/1.1\r\nHost: a\r\nUser-Agent: " + agent + b"\r\n\r\n"


def conversation(requests: Sequence[bytes], port: int = 40000, server: int = 80) -> list[Frame]:
    """One connection; every request is answered and acknowledged."""
    pair = Pair(client_port=port, server_port=server)
    frames, client, host = pair.handshake(), 1001, 5001
    for request in requests:
        frames.append(pair.tcp(OUTSIDE, ACK | PSH, client, host, payload=request))
        client += len(request)
        frames.append(pair.tcp(INSIDE, ACK | PSH, host, client, payload=OK))
        host += len(OK)
        frames.append(pair.tcp(OUTSIDE, ACK, client, host))
    return frames


def batch_of(frames: Sequence[Frame]) -> Batch:
    buffer, records = bytearray(), array("Q")
    for number, frame in enumerate(frames):
        size = len(frame.data)
        records.extend((START_NS + number * SECOND // 10, len(buffer), size, size))
        buffer += frame.data
    return Batch(buffer, records, 0)


def found(
    library: ctypes.CDLL, rules: list[Rule], *batches: list[Frame], policy: Any = None
) -> WafReport:
    with Replay(
        NETWORKS, parse_policy(policy) if policy else None, native=library, rules=rules
    ) as replay:
        for batch in batches:
            replay.run(batch_of(batch))
        report = replay.report()
        assert report.balanced
        assert report.waf is not None
        return report.waf


REQUESTS = [
    get(b"/"),
    get(b"/?q=1+union+SELECT+2"),
    get(b"/login?password=hunter2"),
    get(b"/login?q=union%20select", b"EvilBot/1"),
]


def test_groups_that_the_policy_switches_off_hit_nothing(library: ctypes.CDLL) -> None:
    rules = [replace(UNION, group="sql"), replace(LOGIN, group="login"), AGENT]
    groups = {"sql": "off", "scanners": "monitor"}
    policy = {"name": "x", "http": {"ports": [80]}, "rules": [{"type": "waf", "groups": groups}]}
    report = found(library, rules, conversation(REQUESTS), policy=policy)
    assert {one.line: one.hits for one in report.rules} == {3: 2, 7: 1}


def test_each_request_is_looked_at_though_one_before_would_be_blocked(
    library: ctypes.CDLL,
) -> None:
    report = found(library, [UNION, LOGIN, AGENT], conversation(REQUESTS))
    assert (report.requests, report.hit, report.unlisted) == (4, 3, 0)
    assert {(one.line, one.hits) for one in report.rules} == {(1, 2), (3, 2), (7, 1)}
    assert [(one.name, one.action) for one in report.rules][:2] == [("sql", "block"), (None, "log")]
    first, second, third = report.hits
    assert (first.line, first.action, first.target) == (1, "block", "any")
    assert first.request == "GET /?q=1+union+SELECT+2 HTTP/1.1"
    assert (first.client, first.destination) == ("203.0.113.7", "198.51.100.10")
    assert 0 < first.time_s - START_NS / SECOND < second.time_s - START_NS / SECOND < 2
    assert (second.line, second.action) == (3, "log")
    assert "hunter2" not in second.request + second.excerpt
    assert third.action == "block"


def test_batches_are_one_capture(library: ctypes.CDLL) -> None:
    frames = conversation(REQUESTS)
    report = found(library, [UNION], frames[:5], frames[5:])
    assert (report.requests, report.hit) == (4, 2)


def test_only_inspected_ports_and_enabled_rules_count(library: ctypes.CDLL) -> None:
    other = conversation(REQUESTS, server=81)
    assert found(library, [UNION], other).requests == 0
    disabled = Rule(1, UNION.pattern, enabled=False)
    assert found(library, [disabled], conversation(REQUESTS)).hit == 0
    policy = {"name": "x", "http": {"ports": [81]}}
    assert found(library, [UNION], other, policy=policy).hit == 2


def test_a_rule_of_a_profile_hits_there_alone(library: ctypes.CDLL) -> None:
    http = {"ports": [80]}
    shop = {"name": "shop", "targets": ["198.51.100.10"], "http": http}
    policy = {"name": "x", "http": http, "profiles": [shop]}
    for name, hit in (("shop", 2), ("default", 0)):
        rules = [Rule(1, UNION.pattern, profiles=(name,))]
        report = found(library, rules, conversation(REQUESTS), policy=policy)
        assert report.hit == hit
        assert {one.profile for one in report.hits} <= {"shop"}
    with pytest.raises(InvalidInputError, match="line 1: the policy has no profile 'other'"):
        found(library, [Rule(1, "abc", profiles=("other",))], [], policy=policy)


def test_more_than_the_evidence_holds_is_counted(library: ctypes.CDLL) -> None:
    many = conversation([get(b"/login")] * 4200)
    report = found(library, [LOGIN], many)
    assert report.requests == report.hit == report.rules[0].hits == 4200
    assert (len(report.hits), report.unlisted) == (4096, 104)


def test_what_can_not_be_is_refused(library: ctypes.CDLL) -> None:
    with pytest.raises(InvalidInputError, match=r"line 4: pattern 'a\(\?=b\)'"):
        found(library, [Rule(4, "a(?=b)")], [])
    with pytest.raises(InvalidInputError, match="no profile of the policy has http"):
        found(library, [UNION], [], policy={"name": "x"})


def rules_file(folder: Path, *lines: str) -> Path:
    file = folder / "rules.ndjson"
    file.write_text("\n".join(lines) + "\n")
    return file


def test_a_file_is_read_as_it_is_exported(tmp_path: Path) -> None:
    line = {"pattern": "a", "action": "log", "severity": "low", "name": "n", "expires_at": None}
    file = rules_file(tmp_path, "", json.dumps({**line, "targets": ["path"]}), '{"pattern": "b"}')
    assert read_rules_file(file) == [
        Rule(2, "a", "log", "low", ("path",), name="n"),
        Rule(3, "b"),
    ]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("[", "line 2"),
        ("[]", "no JSON object"),
        ('{"pattern": 1}', "pattern"),
        ('{"pattern": "a", "pattern": "b"}', "pattern: occurs more than once"),
        ('{"action": "block"}', "pattern"),
        ('{"pattern": "a", "action": "challenge"}', "action: one of"),
        ('{"pattern": "a", "colour": "red"}', "no such field: colour"),
        ('{"pattern": "a", "targets": "any"}', "targets"),
        ('{"pattern": "a", "targets": ["nose"]}', "nose"),
        ('{"pattern": "a", "enabled": 1}', "enabled"),
        (json.dumps({"pattern": "a", "name": "n" * 70_000}), "longer than 65536 bytes"),
    ],
)
def test_a_line_that_is_no_rule_is_named(tmp_path: Path, line: str, why: str) -> None:
    with pytest.raises(InvalidInputError, match=why) as caught:
        read_rules_file(rules_file(tmp_path, "", line))
    assert "rules.ndjson, line 2" in str(caught.value)


def test_an_empty_file_is_no_mistake_unseen(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="no rule in it"):
        read_rules_file(rules_file(tmp_path, ""))
    with pytest.raises(InvalidInputError, match="can't be read"):
        read_rules_file(tmp_path / "absent")


def test_the_command_says_it_in_words_and_as_json(
    library: ctypes.CDLL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, library._name)
    capture = tmp_path / "in.pcap"
    batch = batch_of(conversation(REQUESTS))
    with create_capture(capture) as writer:
        writer.write_batch(batch, list(range(batch.count)))
    rules = rules_file(tmp_path, json.dumps({"pattern": UNION.pattern, "name": "sql"}))
    command = ["replay", str(capture), "--inside", "198.51.100.0/24", "--rules", str(rules)]
    said = CliRunner().invoke(app, command)
    assert said.exit_code == 0, said.output
    assert "2 of 4 HTTP requests would have been hit by a rule" in said.stdout
    report = json.loads(CliRunner().invoke(app, [*command, "--json"]).stdout)
    assert [one["hits"] for one in report["waf"]["rules"]] == [2]
    assert report["waf"]["hits"][0]["request"] == "GET /?q=1+union+SELECT+2 HTTP/1.1"
    assert report["would_drop"] == {"waf_rule": 2}

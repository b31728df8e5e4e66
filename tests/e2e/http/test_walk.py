"""One rule from the API to the client that it stops: everything that says so on the way."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from tests.support.http_peers.exchange import Answer, Sending, send
from tests.support.http_peers.inspection import (
    HARMLESS,
    MARKER,
    ORIGINS,
    PROXIES,
    RECORDED,
    add_rule,
    delete_rule,
    hits,
    policy,
    put,
    secbeat,
    url,
)
from tests.support.http_peers.recorder import ANSWER, Recorder
from tests.support.instances.lab import Lab, assert_ledgers
from tests.support.network.peers import vlan
from tests.support.waiting import wait_for

pytestmark = pytest.mark.usefixtures("recording")  # somebody listens
VLAN = {
    "client": ["10.82.0.1/24", "2001:db8:82::1/64"],
    "origin": ["10.82.0.2/24", "2001:db8:82::2/64"],
}
VLAN_ORIGINS = {"ipv4": "10.82.0.2", "ipv6": "2001:db8:82::2"}
BAD, GOOD = (f"/search?q={word.decode()}" for word in (MARKER, HARMLESS))


BLOCKED = "secbeat_attacks_blocked_total"


@pytest.fixture(params=PROXIES)
def proxy(lab: Lab, key: str, rule: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """The SYN proxy off, and on; then the origin is known to it."""
    put(lab, key, policy(syn=request.param))
    for host in ORIGINS.values():
        for _ in range(2):
            lab.curl(url(host, RECORDED))
    yield request.param
    put(lab, key, policy())


def ask(lab: Lab, host: str, path: str, *fields: str, port: int = RECORDED) -> Answer:
    head = "\r\n".join([f"GET {path} HTTP/1.1", "Host: lab", *fields])
    request = f"{head}\r\n\r\n".encode()
    return send(lab, host, Sending(port, [request], until=ANSWER))


def assert_blocked(answer: Answer) -> None:
    assert answer.statuses == [403], answer
    assert answer.incident, answer
    assert answer.ending == "closed"


@pytest.mark.parametrize("host", ORIGINS.values(), ids=ORIGINS)
def test_a_bad_request_is_refused_and_never_complete_at_the_origin(
    lab: Lab, proxy: str, origin: Recorder, host: str
):
    assert_blocked(ask(lab, host, BAD))
    assert origin.requests == []
    assert ask(lab, host, GOOD).statuses == [200]
    assert len(origin.requests) == 1
    assert not origin.holds(MARKER)
    assert_ledgers(lab.quiet_stats())


@pytest.mark.parametrize("host", VLAN_ORIGINS.values(), ids=VLAN_ORIGINS)
def test_the_same_inside_a_vlan(lab: Lab, rule: str, origin: Recorder, host: str):
    with vlan(lab, 82, VLAN):
        assert_blocked(ask(lab, host, BAD))
        assert ask(lab, host, GOOD).statuses == [200]
    assert not origin.holds(MARKER)


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("application/json", "application/json"),
        ("text/html,application/json;q=0.9", "text/html"),
        ("*/*", "text/html"),
        (None, "text/html"),
    ],
)
def test_the_page_has_its_incident_in_head_and_body_and_is_not_to_be_kept(
    lab: Lab, rule: str, accept: str | None, media_type: str
):
    answer = ask(lab, ORIGINS["ipv4"], BAD, *([f"Accept: {accept}"] if accept else []))
    assert_blocked(answer)
    head, _, body = answer.data.decode().partition("\r\n\r\n")
    assert re.search(rf"^Content-Type: {media_type}", head, re.MULTILINE), head
    assert re.search("^Cache-Control: no-store\r?$", head, re.MULTILINE), head
    assert int(re.search(r"Content-Length: (\d+)", head)[1]) == len(body)
    assert answer.incident in body
    if media_type == "application/json":
        assert json.loads(body)["incident"] == answer.incident


def test_curl_gets_the_page(lab: Lab, rule: str):
    fetch = ("curl", "-gsS", "--max-time", "60", "-w", "%{http_code}")
    bad = lab.in_client(*fetch, url(ORIGINS["ipv4"], 80, BAD))
    assert bad.returncode == 0, bad.stderr
    assert bad.stdout.endswith("403")
    good = lab.in_client(*fetch, url(ORIGINS["ipv4"], 80, f"/?q={HARMLESS.decode()}"))
    assert good.stdout.endswith("200"), good.stdout


def test_a_head_request_gets_no_body(lab: Lab, rule: str):
    request = f"HEAD {BAD} HTTP/1.1\r\nHost: lab\r\n\r\n".encode()
    answer = send(lab, ORIGINS["ipv4"], Sending(RECORDED, [request]))
    assert answer.statuses == [403]
    assert answer.data.endswith(b"\r\n\r\n")


def test_a_block_is_counted_everywhere_once(lab: Lab, key: str, rule: str):
    """The rule is a new one: of each there is an event a second."""
    own = add_rule(lab, key, "own-marker")
    before = reasons(lab), blocked(lab, key), sample(lab.metrics(9090), BLOCKED)
    incident = ask(lab, ORIGINS["ipv4"], "/?q=own-marker").incident
    assert incident
    assert hits(lab, key, own) == 1
    assert lab.api("GET", f"/rules/{own}", key).json()["hits"] == 1
    assert reasons(lab) == before[0] + 1
    assert blocked(lab, key) == before[1] + 1
    assert sample(lab.metrics(9090), BLOCKED) == before[2] + 1
    event = wait_for(lambda: event_of(lab, incident), "the agent's log has the event")
    assert event["rule"] == own
    shown = secbeat(lab, "rules", "evidence", own)
    assert incident in shown
    assert "/?q=own-marker" in shown
    delete_rule(lab, key, own)


def blocked(lab: Lab, key: str) -> int:
    """As the statistics have it."""
    found: int = lab.api("GET", "/stats", key).json()["attacks_blocked"]
    return found


def reasons(lab: Lab) -> float:
    """Packets of bad requests."""
    wanted = '{mode="enforce",profile="default",reason="waf_rule"}'
    return sample(lab.metrics(9191), f"secbeat_reason_packets_total{wanted}")


def sample(text: str, name: str) -> float:
    lines = [line for line in text.splitlines() if line.startswith(name)]
    return sum(float(line.split()[-1]) for line in lines)


def event_of(lab: Lab, incident: str) -> dict[str, object] | None:
    """The line of an incident in the agent's log."""
    for line in lab.log("agent").splitlines():
        if "rule_triggered" in line and incident in line:
            found: dict[str, object] = json.loads(line)
            return found
    return None


def test_secrets_are_not_in_the_evidence(lab: Lab, key: str, rule: str):
    answer = ask(
        lab, ORIGINS["ipv4"], BAD + "&password=hunter2", "Cookie: id=s3cr3t", "Authorization: t0k3n"
    )
    assert answer.incident

    def evidence() -> str | None:
        found = secbeat(lab, "rules", "evidence", rule, "--json")
        return found if answer.incident in found else None

    shown = wait_for(evidence, "the evidence is there")
    for secret in ("hunter2", "s3cr3t", "t0k3n"):
        assert secret not in shown


def test_a_rule_that_is_removed_lets_the_request_through_at_once(
    lab: Lab, key: str, rule: str, origin: Recorder
):
    own = add_rule(lab, key, "own-marker")
    assert_blocked(ask(lab, ORIGINS["ipv4"], "/?q=own-marker"))
    delete_rule(lab, key, own)
    assert ask(lab, ORIGINS["ipv4"], "/?q=own-marker").statuses == [200]
    assert origin.holds(b"own-marker")


def test_a_rule_that_only_logs_counts_and_lets_through(
    lab: Lab, key: str, rule: str, origin: Recorder
):
    own = add_rule(lab, key, "own-marker", action="log")
    assert ask(lab, ORIGINS["ipv4"], "/?q=own-marker").statuses == [200]
    assert hits(lab, key, own) == 1
    lab.change("PATCH", f"/rules/{own}", key, json={"action": "block"})
    assert_blocked(ask(lab, ORIGINS["ipv4"], "/?q=own-marker"))
    lab.change("PATCH", f"/rules/{own}", key, json={"enabled": False})
    assert ask(lab, ORIGINS["ipv4"], "/?q=own-marker").statuses == [200]
    delete_rule(lab, key, own)


@pytest.mark.parametrize(
    "document",
    [
        policy("watched", mode="monitor"),
        policy("watched", rules=[{"type": "waf", "action": "monitor"}]),
    ],
    ids=["profile", "rules"],
)
def test_in_monitor_a_hit_is_counted_and_nothing_is_refused(
    lab: Lab, key: str, rule: str, origin: Recorder, document: dict[str, object]
):
    put(lab, key, document)
    before = hits(lab, key, rule)
    assert ask(lab, ORIGINS["ipv4"], BAD).statuses == [200]
    assert hits(lab, key, rule) == before + 1
    assert len(origin.requests) == 1
    put(lab, key, policy())
    assert_blocked(ask(lab, ORIGINS["ipv4"], BAD))


def test_a_policy_switches_a_group_and_the_event_and_the_metric_name_it(
    lab: Lab, key: str, rule: str
):
    own = add_rule(lab, key, "own-marker", group="walk", severity="critical", name="own")
    path, group = "/?q=own-marker", 'secbeat_waf_requests_total{action="%s",group="walk"}'
    incident = ask(lab, ORIGINS["ipv4"], path).incident
    assert incident
    assert sample(lab.metrics(9090), group % "block") == 1
    event = wait_for(lambda: event_of(lab, incident), "the agent's log has the event")
    assert (event["group"], event["severity"], event["path"]) == ("walk", "critical", "/")
    shown = json.loads(secbeat(lab, "rules", "evidence", own, "--json"))["evidence"][0]
    assert (shown["name"], shown["group"], shown["hits"]) == ("own", "walk", 1)
    for mode, count in (("monitor", 2), ("off", 2)):
        put(lab, key, policy("groups", rules=[{"type": "waf", "groups": {"walk": mode}}]))
        assert ask(lab, ORIGINS["ipv4"], path).statuses == [200]
        assert hits(lab, key, own) == count
    assert sample(lab.metrics(9090), group % "monitor") == 1
    assert_blocked(ask(lab, ORIGINS["ipv4"], BAD))  # a rule without a group
    put(lab, key, policy())
    assert_blocked(ask(lab, ORIGINS["ipv4"], path))
    delete_rule(lab, key, own)


def test_a_rule_of_another_profile_does_not_act(lab: Lab, key: str, rule: str):
    shop = {"name": "shop", "targets": [ORIGINS["ipv6"]]} | {"http": {"ports": [RECORDED]}}
    put(lab, key, policy("two", profiles=[shop]))
    own = add_rule(lab, key, "own-marker", profiles=["shop"])
    assert ask(lab, ORIGINS["ipv4"], "/?q=own-marker").statuses == [200]
    assert_blocked(ask(lab, ORIGINS["ipv6"], "/?q=own-marker"))
    delete_rule(lab, key, own)
    put(lab, key, policy())


def test_a_bad_request_behind_good_ones_on_the_same_connection(
    lab: Lab, proxy: str, origin: Recorder
):
    """The page comes when all responses are there, else both sides are reset."""
    good, bad = (f"GET {path} HTTP/1.1\r\nHost: lab\r\n\r\n".encode() for path in (GOOD, BAD))
    answer = send(lab, ORIGINS["ipv4"], Sending(RECORDED, [good * 3 + bad]))
    assert answer.is_refused, answer
    assert len(origin.requests) <= 3
    assert not any(MARKER in request for request in origin.requests)

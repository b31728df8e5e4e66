"""A SYN flood as an operator sees it: listed, followed, watched, looked up afterwards."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.instances.lab import KEY_HEADER, SECBEAT, TREE, Lab, run
from tests.support.network.peers import background
from tests.support.waiting import wait_for

pytestmark = pytest.mark.alone
ORIGIN = "198.19.0.1"
THRESHOLD = 500
FLOOD = ("hping3", "-q", "-S", "-p", "80", "--rand-source", "-i", "u250", ORIGIN)
"""4,000 SYNs a second at most."""
DETECTION = {"type": "detection", "syns": THRESHOLD, "quiet_seconds": 6}
"""An attack goes on, also if a busy machine stalls its tool for a while."""
PROXY = {"name": "attacks", "syn": "always", "rules": [DETECTION]}
LIMIT = {"type": "rate_limit", "per": "destination", "value": 100, "burst": 10}


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    made = Lab("e2e-attacks")
    made.down()
    made.up(config="[connections]\nlearning_seconds = 0\n")
    made.change("PUT", "/policy", json=PROXY)
    yield made
    made.down()


@pytest.fixture
def _limited(lab: Lab) -> Iterator[None]:
    """No SYN proxy, which would answer instead of dropping."""
    policy = {"name": "attacks", "syn": "off", "rules": [DETECTION, LIMIT]}
    lab.change("PUT", "/policy", json=policy)
    yield
    lab.change("PUT", "/policy", json=PROXY)


@contextmanager
def flooded(lab: Lab) -> Iterator[None]:
    wait_for(lambda: not active(lab), "the flood before is over")
    flood = subprocess.Popen(
        [*lab.enter("client"), *FLOOD], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        flood.send_signal(signal.SIGINT)
        flood.wait(60)


def secbeat(lab: Lab, *arguments: str) -> Any:
    """What a command says as JSON."""
    url = f"http://{lab.instance.address}:9999"
    key = str(lab.instance.admin_key)
    done = run(*SECBEAT, *arguments, "--json", "--url", url, "--key-file", key)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@contextmanager
def following(lab: Lab) -> Iterator[subprocess.Popen[str]]:
    """``secbeat events --follow``, since the first event."""
    url = f"http://{lab.instance.address}:9999"
    command = [*SECBEAT, "events", "--follow", "--after", "0", "--json", "--url", url]
    follower = subprocess.Popen(
        [*command, "--key-file", str(lab.instance.admin_key)],
        cwd=TREE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield follower
    finally:
        follower.send_signal(signal.SIGINT)
        assert follower.wait(60) == 0


def next_of(follower: subprocess.Popen[str], kind: str) -> dict[str, Any]:
    assert follower.stdout is not None
    for line in follower.stdout:
        event: dict[str, Any] = json.loads(line)
        if event["kind"] == kind:
            return event
    raise AssertionError(f"the stream has ended without {kind}")


def active(lab: Lab) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = lab.api("GET", "/attacks?state=active").json()["attacks"]
    return found


def is_seen(lab: Lab, attack: str) -> bool:
    """Whether ``top`` shows the attack, at its pace; its tool may pause for a while."""
    seen = secbeat(lab, "top", "--once")
    assert [each["id"] for each in seen["attacks"]] == [attack]
    assert ORIGIN in {each["address"] for each in seen["top"]["targets"]}
    return bool(seen["rates"]["packets_per_second"]["received"] > THRESHOLD)


def test_a_flood_is_listed_followed_and_watched(lab: Lab) -> None:
    with following(lab) as follower:
        with flooded(lab):
            (attack,) = wait_for(lambda: active(lab), "the flood is listed", every_s=0.02)
            assert (attack["type"], attack["target"]) == ("syn_flood", ORIGIN)
            assert attack["trigger"]["value"] > THRESHOLD
            detected = next_of(follower, "attack_detected")
            assert detected["incident"] == attack["id"]
            assert detected["data"]["attack_type"] == "syn_flood"
            assert lab.api("GET", "/status").json()["attacks"]["active"] == 1
            wait_for(lambda: is_seen(lab, attack["id"]), "the flood is seen in its top")
        ended = next_of(follower, "attack_ended")
        assert ended["incident"] == attack["id"]
    assert active(lab) == []
    past = secbeat(lab, "attacks", "show", attack["id"])
    assert (past["state"], past["ended_by"]) == ("ended", "quiet")
    assert past["totals"]["packets"] >= attack["totals"]["packets"]
    listed = secbeat(lab, "attacks", "list", "--target", ORIGIN, "--state", "ended")
    assert attack["id"] in [each["id"] for each in listed["attacks"]]


@pytest.mark.usefixtures("_limited")
def test_packets_of_a_flood_say_in_tshark_why_they_were_dropped(lab: Lab, tmp_path: Path) -> None:
    file = tmp_path / "attack.pcapng"
    with flooded(lab):
        (attack,) = wait_for(lambda: active(lab), "the flood is listed")

        def packets() -> list[list[str]]:
            secbeat(lab, "attacks", "pcap", attack["id"], str(file))
            fields = ("-T", "fields", "-e", "frame.comment", "-e", "ip.dst", "-e", "tcp.dstport")
            shown = run("tshark", "-n", "-r", str(file), *fields)
            assert shown.returncode == 0, shown.stderr
            return [line.split("\t") for line in shown.stdout.splitlines()]

        found = wait_for(packets, "packets are kept")
    comments = {comment for comment, _, _ in found}
    # Some of the forged sources are such as nobody can have.
    assert "dropped: rate_destination_packets" in comments
    assert all(comment.startswith("dropped: ") for comment in comments)
    assert {(target, port) for _, target, port in found} == {(ORIGIN, "80")}


def test_an_attack_is_there_while_the_agent_is_away(lab: Lab) -> None:
    agent = lab.process("agent")["pid"]
    os.kill(agent, signal.SIGSTOP)
    try:
        with flooded(lab):
            (attack,) = wait_for(lambda: active(lab), "the flood is listed")
            assert lab.api("GET", f"/attacks/{attack['id']}").json()["type"] == "syn_flood"
            kinds = lab.api("GET", f"/events?incident={attack['id']}").json()["events"]
            assert kinds == []
    finally:
        os.kill(agent, signal.SIGCONT)

    def recorded() -> bool:
        events = lab.api("GET", f"/events?incident={attack['id']}").json()["events"]
        return {each["kind"] for each in events} == {"attack_detected", "attack_ended"}

    wait_for(recorded, "the agent has caught up")


def test_the_stream_of_a_browser_is_served_with_a_key_only(lab: Lab) -> None:
    url = f"http://{lab.instance.address}:9999/api/v1/events/stream"
    refused = run("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", url)
    assert refused.stdout == "401"
    curl = ("curl", "-sN", "-m", "60", "-H", f"{KEY_HEADER}: {lab.key()}")
    with background(*curl, "-H", "Last-Event-ID: 0", url) as stream:
        assert stream.stdout is not None
        assert "event: attack_detected\n" in stream.stdout
        assert stream.poll() is None, "it goes on"

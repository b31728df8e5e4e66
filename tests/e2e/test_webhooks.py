"""A flood in the lab: one incident, signed webhooks, and what is done about it."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from api.common.line_protocol import ask
from api.webhooks import secret
from tests.support.instances.lab import Lab
from tests.support.servers.receiver import Got, Receiver, failing, receiving
from tests.support.waiting import wait_for

TARGET, SOURCE = "198.19.0.1", "198.18.0.1"
SYNS = 200
"""So few that hping3 sends four times as many also on a busy machine: without an answer of the
host, as to forged sources, that is what makes a flood."""
QUIET_S = 6
"""Longer than a busy machine stalls a tool."""


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.fixture(scope="module")
def lab(receiver: Receiver) -> Iterator[Lab]:
    lab = Lab("e2e-webhooks")
    lab.down()
    lab.up(
        config="[webhooks]\nenabled = true\nallow_hosts = ['127.0.0.1']\n"
        f"endpoints = ['{receiver.url}']\n"
    )
    yield lab
    lab.down()


@pytest.fixture(autouse=True)
def clean(receiver: Receiver) -> None:
    receiver.got.clear()
    receiver.taken.clear()


def watch(lab: Lab, response: str, syn: str = "auto", **more: object) -> None:
    """Put a policy in force in which the origin has a low threshold."""
    rule = {"type": "detection", "syns": SYNS, "quiet_seconds": QUIET_S}
    rule |= {"response": response, "response_seconds": 60}
    profile = {"name": "web", "targets": [f"{TARGET}/32"], "syn": syn, "rules": [rule | more]}
    lab.change("PUT", "/policy", json={"name": "webhooks", "profiles": [profile]})


@contextmanager
def syn_flood(lab: Lab, *options: str) -> Iterator[None]:
    """Up to 10,000 SYNs a second from the client, by a tool that nobody here wrote."""
    command = ("hping3", "-q", "-S", "-p", "80", "-i", "u100", *options, TARGET)
    flood = subprocess.Popen(
        [*lab.enter("client"), *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        flood.send_signal(signal.SIGINT)
        flood.wait(timeout=60)


def of(receiver: Receiver, kind: str) -> list[Got]:
    """Once each: who has died before it knew of the answer sends it again, with the same id."""
    taken = {each.id: each for each in receiver.taken if each.event["event"] == kind}
    return list(taken.values())


def key_of(lab: Lab) -> bytes:
    path = lab.instance.run_dir.with_name("run-agent") / "agent.sock"
    return secret.decode(ask(path, {"do": "webhooks.secret"}, 10)["secret"])


def test_a_flood_is_told_once_at_its_begin_and_once_at_its_end_also_if_the_agent_dies(
    lab: Lab, receiver: Receiver
) -> None:
    watch(lab, "none")
    wait_for(lambda: of(receiver, "policy_applied"), "policy_applied")
    receiver.answer = failing(2, of="attack_detected")
    with syn_flood(lab, "--rand-source"):
        wait_for(lambda: of(receiver, "attack_detected"), "attack_detected")
        lab.kill("agent", signal.SIGKILL)
    wait_for(lambda: of(receiver, "attack_ended"), "attack_ended", bound_s=60)
    ((detected,), (ended,)) = (of(receiver, kind) for kind in ("attack_detected", "attack_ended"))
    key = key_of(lab)
    for each in (detected, ended):
        each.verify(key)
    tried = [got.id for got in receiver.got if got.event["event"] == "attack_detected"]
    assert tried[:3] == [detected.id] * 3
    first, last = detected.event, ended.event
    assert first["data"]["attack_type"] == last["data"]["attack_type"] == "syn_flood"
    assert first["data"]["target"] == TARGET
    assert first["data"]["attack_id"] == last["data"]["attack_id"]
    assert first["node_id"].startswith("node-")
    assert last["data"]["spoofed"] is True
    assert last["data"]["source_ip"] is None
    assert last["sequence"] > first["sequence"]


def test_the_source_of_a_flood_is_banned_until_it_is_over(lab: Lab, receiver: Receiver) -> None:
    receiver.answer = failing(0)
    watch(lab, "blacklist")
    with syn_flood(lab):
        wait_for(lambda: of(receiver, "attack_detected"), "attack_detected")
        attack = of(receiver, "attack_detected")[0].event["data"]["attack_id"]
        entry = wait_for(lambda: _banned(lab), "the source is banned")
        assert (entry["origin"], entry["reason"]) == ("incident", attack)
        assert entry["expires_at"] is not None
        dropped = _dropped(lab)
        wait_for(lambda: _dropped(lab) > dropped + 100, "packets of it are dropped")
    wait_for(lambda: of(receiver, "attack_ended"), "attack_ended", bound_s=60)
    wait_for(lambda: not _banned(lab), "it is not banned any more")
    ended_response = {"kind": "blacklist", "mode": "enforce", "state": "ended"}
    ended_response |= {"until": None, "entries": 1}

    def response() -> object:
        return lab.api("GET", f"/attacks/{attack}").json()["response"]

    wait_for(lambda: response() == ended_response, "the attack says that it was taken back")
    packets = lab.api("GET", f"/attacks/{attack}/pcap")
    assert packets.status_code == 200
    assert len(packets.content) > 1000
    ended = of(receiver, "attack_ended")[0].event["data"]
    assert (ended["source_ip"], ended["spoofed"]) == (SOURCE, False)
    assert ended["totals"]["dropped"] > 0


@pytest.mark.parametrize(
    ("response", "more", "wanted", "action"),
    [
        ("limit", {"limit_pps": 50}, {"kind": "limit", "unit": "packets", "value": 50}, "limited"),
        ("syn_proxy", {}, {"kind": "syn_proxy"}, "challenged"),
    ],
)
def test_what_is_laid_over_the_policy_acts_and_ends_with_the_attack(
    lab: Lab, response: str, more: dict[str, int], wanted: dict[str, object], action: str
) -> None:
    watch(lab, response, "off", **more)
    policy = lab.api("GET", "/policy").json()
    with syn_flood(lab):
        (laid,) = wait_for(lambda: _laid(lab), "something is laid over the policy")
        assert laid["overlay"] == {"profile": "web", **wanted}
        assert (laid["origin"], laid["created_by"]) == ("incident", "agent")
        attack = f"/attacks/{laid['incident']}"
        wait_for(lambda: lab.api("GET", attack).json()["action"] == action, "it acts")
    wait_for(lambda: not _laid(lab), "it is taken back", bound_s=60)
    assert lab.api("GET", "/policy").json() == policy


def _laid(lab: Lab) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = lab.api("GET", "/overlays").json()["overlays"]
    return found


def _banned(lab: Lab) -> dict[str, str] | None:
    found = lab.api("GET", f"/blacklist/{SOURCE}")
    if found.status_code == 404:
        return None
    entries = found.json().get("entries", [found.json()])
    return dict(entries[0])


def _dropped(lab: Lab) -> int:
    return lab.stats().ports["outside"].dropped.get("blacklist", 0)

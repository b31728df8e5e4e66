"""A SYN flood from forged sources against the machine, with its SYN proxy on.

The machine answers in place of the origin, clients notice nothing, and a receiver outside is told.
"""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from api.webhooks import secret
from appliance.lab.network import ORIGIN
from tests.image.support.peers.outside import Outside
from tests.image.support.peers.taps import ORIGIN4, Wire
from tests.image.support.vms.vm import VM
from tests.image.support.waf import DONE
from tests.support.instances.heard import heard
from tests.support.servers.receiver import Got, Receiver
from tests.support.waiting import wait_for

TARGET = ORIGIN.plain()[0]
SYNS_PER_S = 50
"""From so many on it is a flood; hping3 sends many times as many, also on a busy machine."""
QUIET_S = 6
WATCHED = {"type": "detection", "syns": SYNS_PER_S, "quiet_seconds": QUIET_S, "response": "none"}
POLICY = {
    "name": "flooded",
    "profiles": [{"name": "web", "targets": [f"{TARGET}/32"], "syn": "always", "rules": [WATCHED]}],
}
PAGES = 20
ANSWERS = 500
"""Far more than all the pages ask for."""
TOLD_S = 180
PAGE_S = 30


@pytest.fixture(scope="module", autouse=True)
def _proxied(node: VM, wire: Wire) -> Iterator[None]:
    """The machine answers clients itself, as it knows what the origin can, before the flood."""
    answer = node.api("PUT", "/policy", json=POLICY)
    assert answer.status_code in DONE, answer.text
    until_proxied(node, wire)
    yield
    assert node.api("PUT", "/policy", json={"name": "default"}).status_code in DONE


@contextmanager
def syn_flood(wire: Wire) -> Iterator[None]:
    """Up to 1,000 SYNs a second from random sources, by a tool that nobody here wrote."""
    command = ("hping3", "-q", "-S", "-p", "80", "-i", "u1000", "--rand-source", TARGET)
    flood = subprocess.Popen(
        [*wire.peers.enter("client"), *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
        assert flood.poll() is None, "hping3 has ended"
    finally:
        flood.send_signal(signal.SIGINT)
        flood.wait(timeout=60)


def told(receiver: Receiver, kind: str) -> list[Got]:
    """Once each: a delivery that was answered late is tried again under its id."""
    taken = {each.id: each for each in receiver.taken if each.event["event"] == kind}
    return list(taken.values())


def consumed(node: VM) -> int:
    """Packets from outside that the machine has answered itself."""
    answer = node.api("GET", "/stats")
    assert answer.status_code == 200, answer.text
    return int(answer.json()["ports"]["outside"]["consumed"])


def until_proxied(node: VM, wire: Wire) -> None:
    """Ask for pages until the machine has answered for one; a SYN a second it lets through."""

    def is_proxied() -> bool:
        before = consumed(node)
        return wire.passes(ORIGIN4) and consumed(node) > before

    wait_for(is_proxied, "the proxy is on and knows the origin", TOLD_S, every_s=1.1)


def test_a_flood_reaches_no_origin_and_harms_no_client(node: VM, wire: Wire, outside: Outside):
    before = consumed(node)
    with heard(wire.peers, "syn") as at_origin, syn_flood(wire):
        wait_for(lambda: told(outside.receiver, "attack_detected"), "it is told of", TOLD_S)
        for _ in range(PAGES):
            assert wire.passes(ORIGIN4, timeout_s=PAGE_S)
        wait_for(lambda: consumed(node) > before + ANSWERS, "SYNs are answered", TOLD_S, every_s=1)
        assert at_origin.own >= PAGES
        assert at_origin.others == 0


def test_the_receiver_can_tell_by_the_signature_who_has_sent_it(node: VM, outside: Outside):
    key = secret.decode(node.root("cat /var/lib/secbeat/agent/webhooks.secret").strip())
    detected = told(outside.receiver, "attack_detected")[0]
    detected.verify(key)
    data = detected.event["data"]
    assert (data["attack_type"], data["target"]) == ("syn_flood", TARGET)
    assert (data["spoofed"], data["source_ip"]) == (True, None)
    assert detected.event["node_id"] == outside.nodes()[0]["id"]


def test_its_end_is_told_too(node: VM, outside: Outside):
    detected = told(outside.receiver, "attack_detected")[0].event
    attack = detected["data"]["attack_id"]

    def ended() -> list[Got]:
        found = told(outside.receiver, "attack_ended")
        return [each for each in found if each.event["data"]["attack_id"] == attack]

    # A machine that stalls may take one flood for two.
    last = wait_for(ended, "its end is told", TOLD_S)[0].event
    assert last["sequence"] > detected["sequence"]

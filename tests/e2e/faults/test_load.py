"""A flood and a bulk import disturb nobody else."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address

import pytest
import requests

from dataplane.shared.stats import NodeStats
from tests.support.instances.lab import Lab, assert_ledgers
from tests.support.instances.passage import Passage
from tests.support.network.peers import flood, sequence
from tests.support.waiting import wait_for

pytestmark = pytest.mark.alone  # floods, and datagrams of which none may be lost
FLOOD_PACKETS = 20_000
IMPORT_LINES = 1_000_000
SINGLE_BANS = 20
BULK_S = 240
RATE_PPS = 200


def test_a_flood_from_a_banned_address_leaves_others_alone(lab: Lab, key):
    attacker = "198.18.66.6"
    lab.change("POST", "/blacklist", key, json={"ip": attacker})
    before = lab.quiet_stats()
    attack = threading.Thread(
        target=flood, args=(lab, attacker, "198.19.0.1", FLOOD_PACKETS), daemon=True
    )
    attack.start()
    pages = 0
    while attack.is_alive() or pages == 0:
        page = lab.curl("http://198.19.0.1/")
        assert page.returncode == 0, page.stderr
        pages += 1
    attack.join()
    after = lab.quiet_stats()
    assert_ledgers(after)
    dropped = _dropped(after, "blacklist") - _dropped(before, "blacklist")
    print(f"{pages} pages while {dropped} of {FLOOD_PACKETS} packets of the flood were dropped")
    # What the sender's own host or a full receive ring lost never reached the node.
    assert 0 < dropped <= FLOOD_PACKETS
    lab.change("DELETE", f"/blacklist/{attacker}", key)


@pytest.fixture(scope="module")
def import_body() -> bytes:
    """A million addresses, half of each family; none that the lab's peers have."""
    ipv4, ipv6 = int(IPv4Address("100.64.0.0")), int(IPv6Address("2001:db8:1::"))
    lines = [str(IPv4Address(ipv4 + n)) for n in range(IMPORT_LINES // 2)]
    lines += [str(IPv6Address(ipv6 + n)) for n in range(IMPORT_LINES // 2)]
    return "\n".join(lines).encode()


def test_an_import_of_a_million_loses_no_packet_and_delays_no_ban(lab: Lab, key, import_body):
    def bulk() -> requests.Response:
        return lab.change(
            "POST",
            "/blacklist/import",
            key,
            headers={"Content-Type": "text/plain"},
            params={"reason": "bulk"},
            data=import_body,
            timeout_s=BULK_S,
        )

    answer, after = _beside_traffic(lab, key, bulk, "192.0.2.{}")
    assert answer.json()["added"] == IMPORT_LINES
    assert after.capacities.addresses_used >= IMPORT_LINES
    sample = lab.api("GET", "/blacklist/100.64.0.77", key).json()
    assert (sample["state"], sample["reason"]) == ("in_force", "bulk")


def test_a_removal_of_a_million_loses_no_packet_and_delays_no_ban(lab: Lab, key):
    """The entries of the import."""

    def bulk() -> requests.Response:
        condition = {"reason": "bulk"}
        return lab.change("POST", "/blacklist/remove", key, json=condition, timeout_s=BULK_S)

    answer, after = _beside_traffic(lab, key, bulk, "198.51.100.{}")
    assert answer.json()["removed"] == IMPORT_LINES
    assert after.capacities.addresses_used < IMPORT_LINES
    assert lab.api("GET", "/blacklist/100.64.0.77", key).status_code == 404
    assert lab.api("GET", "/blacklist/198.51.100.1", key).json()["state"] == "in_force"


def _beside_traffic(
    lab: Lab, key: str, bulk: Callable[[], requests.Response], banned: str
) -> tuple[requests.Response, NodeStats]:
    """Do a bulk change beside datagrams and single bans; no packet may be lost. Returns its answer
    and the later statistics."""
    before, passage_before = lab.quiet_stats(), Passage.settled(lab)
    answers: list[requests.Response] = []
    took_s: list[float] = []

    def change() -> None:
        started = time.monotonic()
        answers.append(bulk())
        took_s.append(time.monotonic() - started)

    with sequence(lab, "198.19.0.1", 5001, RATE_PPS) as traffic:
        changing = threading.Thread(target=change, daemon=True)
        changing.start()
        times_ms = [_ban(lab, key, banned.format(n)) for n in range(1, SINGLE_BANS + 1)]
        during = changing.is_alive()
        beat = lab.stats().lcores[0].heartbeat
        wait_for(lambda: lab.stats().lcores[0].heartbeat > beat, "the worker's next turn")
        changing.join()
        sent, received = traffic.finish()

    (answer,) = answers
    after = lab.quiet_stats()
    assert_ledgers(after)
    print(
        f"{IMPORT_LINES} entries changed in {took_s[0]:.1f} s; "
        f"{sent} datagrams at {RATE_PPS} per second; {SINGLE_BANS} bans "
        f"({'all' if during else 'not all'} during it), POST to effect: "
        f"median {statistics.median(times_ms):.1f} ms, longest {max(times_ms):.1f} ms"
    )
    # First the node's own account: on a busy machine it tells a loss of the peers' from one of its.
    lost = Passage.settled(lab).lost_since(passage_before)
    assert lost == {}, f"lost at the node's ports, of {sent} sent and {received} received"
    assert after.ports["outside"].forwarded - before.ports["outside"].forwarded >= sent
    assert received == sent
    assert {n: p.dropped for n, p in after.ports.items()} == {
        n: p.dropped for n, p in before.ports.items()
    }
    assert [p.missed for p in after.ports.values()] == [p.missed for p in before.ports.values()]
    return answer, after


def _ban(lab: Lab, key: str, address: str) -> float:
    """Ban an address; returns milliseconds from the request to the answer that it is in force."""
    started = time.monotonic()
    lab.change("POST", "/blacklist", key, json={"ip": address})
    return (time.monotonic() - started) * 1000


def _dropped(stats, reason: str) -> int:
    return sum(port.dropped.get(reason, 0) for port in stats.ports.values())

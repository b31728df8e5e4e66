"""Client and origin reach each other through the machine's virtio NICs, until a ban says no."""

from __future__ import annotations

import hashlib

import pytest

from appliance.lab.network import CLIENT
from tests.image.support.peers.taps import ORIGIN4, ORIGIN6, Wire
from tests.image.support.vms.vm import VM
from tests.support.waiting import wait_for

BAN_S = 20
MIB = 1 << 20
CASES = {
    "ipv4": ("198.18.1.1", "198.18.1.2", 15, ORIGIN4),
    "ipv6": ("2001:2::3:1", "2001:2::3:2", 64, ORIGIN6),
}


@pytest.fixture(scope="module", autouse=True)
def _forwards(node: VM, wire: Wire) -> None:
    wire.wait_until_it_forwards()


@pytest.mark.parametrize("url", [ORIGIN4, ORIGIN6], ids=["ipv4", "ipv6"])
def test_the_origin_answers_and_sees_the_clients_own_address(node: VM, wire: Wire, url: str):
    answer = wire.peers.curl(f"{url}ip")
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.strip() == CLIENT.plain()["[" in url]


@pytest.mark.parametrize("url", [ORIGIN4, ORIGIN6], ids=["ipv4", "ipv6"])
def test_a_file_comes_through_whole(node: VM, wire: Wire, url: str):
    command = f"curl -gsS --max-time 60 '{url}1m.bin' | sha256sum"
    done = wire.peers.in_client("sh", "-c", command, timeout_s=90)
    assert done.stdout.split()[0] == hashlib.sha256(bytes(MIB)).hexdigest(), done.stderr


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_ban_stops_its_source_alone_and_ends_by_itself(node: VM, wire: Wire, case):
    banned, other, length, url = case
    for address in (banned, other):
        wire.peers.add_address("client", f"{address}/{length}")
        assert wire.passes(url, address)
    body = {"ip": banned, "reason": "image test", "duration_seconds": BAN_S}
    added = node.api("POST", "/blacklist", json=body)
    assert added.status_code in (201, 202), added.text
    wait_for(lambda: not wire.passes(url, banned, 1), f"{banned} is stopped", bound_s=10)
    assert wire.passes(url, other)
    wait_for(lambda: wire.passes(url, banned, 1), "the ban is over", bound_s=BAN_S + 30)


def test_a_policy_blocks_what_is_in_no_country_and_a_rollback_lets_it_in_again(
    node: VM, wire: Wire
):
    rules = [{"type": "geo_block", "countries": ["ZZ"]}]
    answer = node.api("PUT", "/policy", json={"name": "nowhere", "rules": rules})
    assert answer.status_code in (200, 202), answer.text
    assert answer.json()["warnings"] == []
    wait_for(lambda: not wire.passes(ORIGIN4, None, 1), "the client is stopped", bound_s=30)
    assert node.api("POST", "/policy/rollback", json={}).status_code in (200, 202)
    wait_for(lambda: wire.passes(ORIGIN4, None, 1), "the client is let in", bound_s=30)


def test_what_passed_and_what_was_dropped_is_counted(node: VM):
    answer = node.api("GET", "/stats")
    assert answer.status_code == 200, answer.text
    stats = answer.json()
    assert stats["packets_processed"] > 0
    assert stats["dropped_by_reason"]["blacklist"] > 0, stats

"""When the SYN proxy switches itself on and off."""

from __future__ import annotations

from functools import cache

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether

from dataplane.base.networks import address_text
from dataplane.base.settings import ConnectionCapacities
from dataplane.native import abi
from dataplane.native.abi import Origin, SynProxy
from dataplane.shared.events import Event, Notice, decode_event
from dataplane.shared.transport.ring import Consumer
from dataplane.tables.syn_proxy_table import CookieSecrets, protected_now
from tests.native.connections.connections_support import INSIDE, OUTSIDE
from tests.native.connections.syn.syn_proxy_support import (
    ETHER,
    FRAMES,
    HOST_ISN,
    ISN,
    idle,
    proxying,
    segment,
    step,
    syn,
)
from tests.native.harness import Frame, Harness

IPV4 = bytes(FRAMES["ipv4"])


def automatic(node: Harness, rate: int = 200) -> None:
    profile = node.policy.profile(0)
    profile.syn_proxy, profile.syn_rate = SynProxy.AUTO, rate


def flood(node: Harness, like: bytes, count: int) -> int:
    """SYNs of so many clients; how many were answered by the node."""
    answered_count = 0
    for number_ in range(count):
        (got,) = step(node, client_syn(like, number_))
        answered_count += got.port is OUTSIDE
    return answered_count


@cache  # a flood goes on for minutes of the node's time, with the same clients
def client_syn(like: bytes, client: int) -> Frame:
    """The SYN of one of many clients, who differ in their port."""
    made = Ether(like)
    made[TCP].sport = 1000 + client
    return syn(bytes(made), [])


def test_auto_is_off_until_there_are_too_many_syns_a_second(
    harness: Harness, secrets: CookieSecrets, like: bytes
) -> None:
    automatic(harness)
    assert flood(harness, like, 200) == 0
    assert flood(harness, like, 100) == 100


def test_auto_switches_on_where_most_are_never_answered(
    harness: Harness, secrets: CookieSecrets, like: bytes
) -> None:
    automatic(harness, rate=100_000)
    assert flood(harness, like, 150) == 0
    harness.time.boot_ds += 10
    assert flood(harness, like, 1) == 1


def test_auto_stays_off_where_they_are_answered(
    harness: Harness, secrets: CookieSecrets, like: bytes
) -> None:
    automatic(harness, rate=100_000)
    for number_ in range(120):
        made = Ether(like)
        made[TCP].sport = 1000 + number_
        one = bytes(made)
        step(harness, syn(one, []))
        step(harness, segment(one, INSIDE, "SA", HOST_ISN, ISN + 1))
        step(harness, segment(one, OUTSIDE, "A", ISN + 1, HOST_ISN + 1))
    harness.time.boot_ds += 10
    assert flood(harness, like, 1) == 0


def test_auto_goes_off_half_a_minute_after_the_attack_and_says_both(
    harness: Harness, secrets: CookieSecrets, like: bytes
) -> None:
    automatic(harness)
    harness.listen()
    flood(harness, like, 250)
    harness.time.boot_ds += abi.SYN_PROXY_HOLD_DS - 1
    assert flood(harness, like, 1) == 1
    harness.time.boot_ds += 1
    assert flood(harness, like, 1) == 0
    for _ in range(1024):
        idle(harness)
    notices = [one for one in events(harness) if isinstance(one, Notice)]
    address = str(Ether(like)[IP if IP in Ether(like) else IPv6].dst)
    kinds = [(one.kind, one.address) for one in notices]
    assert kinds == [("syn_proxy_on", address), ("syn_proxy_off", address)]
    assert notices[0].value == 201


def protected(harness: Harness, room: int = 4) -> tuple[int, list[tuple[str | None, int]]]:
    """For how many it is on, and those that there is room for."""
    found = (abi.Protected * room)()
    count = protected_now(harness.library, harness.lcore.syn_proxy, found)
    shown = found[: min(count, room)]
    keys = [(bytes(each.address), each.profile) for each in shown]
    return count, [(address_text(key) if any(key) else None, profile) for key, profile in keys]


def test_for_whom_it_is_on_can_be_read_beside_the_lcore(
    harness: Harness, secrets: CookieSecrets, like: bytes
) -> None:
    automatic(harness)
    assert protected(harness) == (0, [])
    flood(harness, like, 250)
    address = str(Ether(like)[IP if IP in Ether(like) else IPv6].dst)
    assert protected(harness) == (1, [(address, 0)])
    assert protected(harness, room=0) == (1, [])
    harness.time.boot_ds += abi.SYN_PROXY_HOLD_DS
    for _ in range(1024):
        idle(harness)
    assert protected(harness) == (0, [])


def test_an_attack_that_goes_on_keeps_it_on(
    harness: Harness, secrets: CookieSecrets, like: bytes
) -> None:
    automatic(harness)
    flood(harness, like, 250)
    for _ in range(60):
        harness.time.boot_ds += 10
        assert flood(harness, like, 110) == 110


def test_auto_is_about_one_destination(
    harness: Harness, secrets: CookieSecrets, like: bytes
) -> None:
    automatic(harness)
    flood(harness, like, 250)
    other = Ether(like)
    ip = other[IP if IP in other else IPv6]
    ip.dst = "198.51.100.11" if IP in other else "2001:db8:5::11"
    assert flood(harness, bytes(other), 1) == 0


# --- many destinations ---

OTHERS = 16_000
"""More than four for each place in the table."""


def elsewhere(frame: Frame, number_: int) -> Frame:
    """Between two other addresses, whose sum is the same: so are the checksums."""
    data = frame.data
    at = len(ETHER) + 12
    source, target = (int.from_bytes(data[at + n + 2 : at + n + 4], "big") for n in (0, 4))
    new = [(source - number_).to_bytes(2, "big"), (target + number_).to_bytes(2, "big")]
    addresses = data[at : at + 2] + new[0] + data[at + 4 : at + 6] + new[1]
    return Frame(data[:at] + addresses + data[at + 8 :], frame.port)


def to_others(node: Harness, frame: Frame, count: int) -> int:
    """The same to so many other addresses, once each; how many were answered by the node."""
    before = node.stats.origin[Origin.ANSWER].originated
    for first in range(1, count + 1, abi.BURST_MAX):
        last = min(first + abi.BURST_MAX, count + 1)
        node.run([elsewhere(frame, number_) for number_ in range(first, last)])
        node.sent()
    return int(node.stats.origin[Origin.ANSWER].originated - before)


@pytest.mark.parametrize("flags", ["S", "A"])
def test_packets_to_many_others_do_not_switch_it_off(harness: Harness, flags: str) -> None:
    with proxying(harness):
        automatic(harness)
        flood(harness, IPV4, 250)
        harness.time.boot_ds += 1
        to_others(harness, segment(IPV4, OUTSIDE, flags, 1, 2), OTHERS)
        assert flood(harness, IPV4, 1) == 1


@pytest.mark.parametrize("flags", ["S", "A"])
def test_packets_to_many_others_do_not_hide_a_flood(harness: Harness, flags: str) -> None:
    with proxying(harness):
        automatic(harness, rate=100_000)
        flood(harness, IPV4, 150)
        harness.time.boot_ds += 9
        to_others(harness, segment(IPV4, OUTSIDE, flags, 1, 2), OTHERS)
        harness.time.boot_ds += 1
        assert flood(harness, IPV4, 1) == 1


def test_a_flood_spread_over_a_prefix_switches_on_the_profile(harness: Harness) -> None:
    with proxying(harness):
        automatic(harness)
        harness.listen()
        one = client_syn(IPV4, 0)
        assert to_others(harness, one, 300) == 0
        harness.time.boot_ds += 10
        assert to_others(harness, one, 300) == 300
        harness.time.boot_ds += abi.SYN_PROXY_HOLD_DS
        assert to_others(harness, one, 10) == 0
        for _ in range(1024):
            idle(harness)
        notices = [one for one in events(harness) if isinstance(one, Notice)]
        told = [(one.kind, one.address, one.profile, one.value) for one in notices]
        assert told == [("syn_proxy_on", "", 0, 300), ("syn_proxy_off", "", 0, 0)]


def test_many_connections_to_many_addresses_do_not(harness: Harness) -> None:
    with proxying(harness, connections=ConnectionCapacities(connections_max=4096)):
        automatic(harness)
        handshake = (
            segment(IPV4, OUTSIDE, "S", ISN),
            segment(IPV4, INSIDE, "SA", HOST_ISN, ISN + 1),
            segment(IPV4, OUTSIDE, "A", ISN + 1, HOST_ISN + 1),
        )
        for number_ in range(1, 301):
            client, host, last = (
                elsewhere(one, number_ if one.port is OUTSIDE else -number_) for one in handshake
            )
            harness.run([client, host, last])
        harness.time.boot_ds += 10
        assert flood(harness, IPV4, 1) == 0


def events(harness: Harness) -> list[Event | None]:
    with Consumer(harness.library, *harness.events) as consumer:
        return [decode_event(one) for one in iter(consumer.pop, None)]

"""When the SYN proxy switches itself on and off."""

from __future__ import annotations

from scapy.layers.inet import IP, TCP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether

from dataplane import abi
from dataplane.abi import SynProxy
from dataplane.events import Event, Notice, decode_event
from dataplane.ring import Consumer
from dataplane.syn_proxy_table import CookieSecrets
from tests.native.connections_support import INSIDE, OUTSIDE
from tests.native.harness import Harness
from tests.native.syn_proxy_support import (
    HOST_ISN,
    ISN,
    idle,
    segment,
    step,
    syn,
)


def automatic(node: Harness, rate: int = 200) -> None:
    profile = node.policy.profile(0)
    profile.syn_proxy, profile.syn_rate = SynProxy.AUTO, rate


def flood(node: Harness, like: bytes, count: int) -> int:
    """SYNs of so many clients; how many were answered by the node."""
    answered_count = 0
    for number_ in range(count):
        made = Ether(like)
        made[TCP].sport = 1000 + number_
        (got,) = step(node, syn(bytes(made), []))
        answered_count += got.port is OUTSIDE
    return answered_count


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


def events(harness: Harness) -> list[Event | None]:
    with Consumer(harness.library, *harness.events) as consumer:
        return [decode_event(one) for one in iter(consumer.pop, None)]

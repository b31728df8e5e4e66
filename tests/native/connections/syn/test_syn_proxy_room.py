"""What the SYN proxy has room for, and that nobody takes all of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether

from dataplane.base.errors import NativeError
from dataplane.base.settings import ConnectionCapacities, SynProxyCapacities
from dataplane.native.abi import Reason
from dataplane.tables.syn_proxy_table import SynProxyTable
from tests.native.connections.connections_support import INSIDE, OUTSIDE
from tests.native.connections.syn.syn_proxy_support import (
    FRAMES,
    HOST_ISN,
    ISN,
    Seen,
    answered,
    idle,
    opening,
    proxying,
    segment,
    step,
    syn,
)
from tests.native.harness import Harness

OPENINGS, HELD = 64, 96
ROOM = SynProxyCapacities(OPENINGS, HELD)


@pytest.fixture(autouse=True)
def room(harness: Harness) -> Iterator[None]:
    with proxying(harness, ROOM, connections=ConnectionCapacities(connections_max=4096)):
        yield


@pytest.fixture(params=("ipv4", "ipv6"))
def like(request: pytest.FixtureRequest) -> bytes:
    return bytes(FRAMES[request.param])


def between(like: bytes, client: int, host: int, sport: int = 40000) -> bytes:
    """Another client and another protected address; IPv6 clients of different /64."""
    made = Ether(like)
    if IP in made:
        made[IP].src, made[IP].dst = f"203.0.113.{client}", f"198.51.100.{host}"
    else:
        made[IPv6].src, made[IPv6].dst = f"2001:db8:0:{client:x}::7", f"2001:db8:5::{host:x}"
    made[TCP].sport = sport
    return bytes(made)


def protected(frame: bytes) -> str:
    made = Ether(frame)
    return str(made[IP].dst if IP in made else made[IPv6].dst)


def open_one(harness: Harness, frame: bytes, pieces: int = 1) -> list[Seen]:
    """The client brings its cookie, with so many packets of data."""
    cookie = answered(harness, syn(frame, [])).tcp.seq
    data = [segment(frame, OUTSIDE, "PA", ISN + 1 + i, cookie + 1, b"x") for i in range(pieces)]
    return step(harness, *data)


def count_of(harness: Harness) -> int:
    return int(harness.stats.connections.opening)


def test_handshakes_of_many_to_one_silent_address_leave_room_for_others(
    harness: Harness, like: bytes
) -> None:
    for client in range(1, 200):
        open_one(harness, between(like, client, 10), pieces=4)
    assert count_of(harness) == OPENINGS // 2
    (got,) = open_one(harness, between(like, 201, 11))
    assert (got.port, got.flags) == (INSIDE, "S")


def test_handshakes_of_one_source_to_many_silent_addresses_leave_room_for_others(
    harness: Harness, like: bytes
) -> None:
    for host in range(1, 60):
        open_one(harness, between(like, 7, host))
    assert count_of(harness) < OPENINGS // 4
    assert open_one(harness, between(like, 8, 1))[0].port is INSIDE


def test_four_silent_addresses_leave_room_for_a_fifth(harness: Harness, like: bytes) -> None:
    for client in range(1, 200):
        open_one(harness, between(like, client, 10 + client % 4), pieces=4)
    assert open_one(harness, between(like, 201, 20))[0].port is INSIDE


def test_each_opening_can_hold_its_first_packet(harness: Harness, like: bytes) -> None:
    """Whatever others hold beside theirs."""
    opened = 0
    for one in range(1, OPENINGS + 1):
        opened += bool(open_one(harness, between(like, one, one), pieces=4))
    assert opened == count_of(harness) == OPENINGS
    assert harness.stats.port[OUTSIDE].held_now == HELD
    assert open_one(harness, between(like, 100, 100)) == []
    assert harness.stats.port[OUTSIDE].dropped[Reason.SYN_PROXY_FULL] > 0


def test_what_is_over_is_counted_for_nobody(harness: Harness, like: bytes) -> None:
    for sport in range(1, 3 * OPENINGS):
        frame = between(like, 7, 10, sport)
        assert open_one(harness, frame)[0].flags == "S"
        flags = ("SA", "RA")[sport % 2]
        step(harness, segment(frame, INSIDE, flags, HOST_ISN, ISN + 1))
    assert count_of(harness) == 0


def test_where_many_wait_a_host_that_never_answered_has_a_second(
    harness: Harness, like: bytes
) -> None:
    known = between(like, 250, 250)
    open_one(harness, known)
    step(harness, segment(known, INSIDE, "SA", HOST_ISN, ISN + 1))
    for one in range(1, OPENINGS - 8):
        open_one(harness, between(like, one, one))
    again = between(like, 251, 250)
    open_one(harness, again)
    harness.time.boot_ds += 10
    seen = [one for _ in range(OPENINGS // 8) for one in idle(harness)]
    resets = [one for one in seen if one.port is OUTSIDE]
    assert {one.flags for one in resets} == {"R"}
    assert len(resets) >= OPENINGS // 4
    retried = {protected(one.frame) for one in seen if one.port is INSIDE}
    assert protected(again) in retried
    assert count_of(harness) == OPENINGS - 8 - len(resets)


def test_where_many_wait_a_host_that_has_answered_before_has_three_seconds(
    harness: Harness, like: bytes
) -> None:
    for one in range(1, OPENINGS - 8):
        known = between(like, one, one)
        open_one(harness, known)
        step(harness, segment(known, INSIDE, "SA", HOST_ISN, ISN + 1))
    for one in range(1, OPENINGS - 8):
        open_one(harness, between(like, one, one, sport=40001))
    waiting = [count_of(harness)]
    for _ in range(3):
        harness.time.boot_ds += 10
        for _ in range(OPENINGS // 8):
            idle(harness)
        waiting.append(count_of(harness))
    # Half of the room is enough for those that are left: they are sent more SYNs.
    assert waiting == [OPENINGS - 9, OPENINGS - 9, OPENINGS - 9, OPENINGS // 2]


def test_room_for_less_than_a_packet_each_is_refused(harness: Harness) -> None:
    with pytest.raises(NativeError):
        SynProxyTable(harness.library, SynProxyCapacities(9, 8), bytes(16))


def test_a_cookie_is_as_good_when_there_is_room_again(harness: Harness, like: bytes) -> None:
    for one in range(1, OPENINGS + 1):
        open_one(harness, between(like, one, one))
    late = between(like, 100, 100)
    cookie = answered(harness, syn(late, [])).tcp.seq
    assert opening(harness, late, cookie) == []
    harness.time.boot_ds += 30
    for _ in range(OPENINGS // 8):
        idle(harness)
    assert opening(harness, late, cookie)[0].port is INSIDE

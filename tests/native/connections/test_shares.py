"""Shares of the flow table: one profile's flood takes no place from another's connections."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest

from dataplane.base.errors import NativeError
from dataplane.base.settings import ConnectionCapacities
from dataplane.native.abi import BURST_MAX, Mode, Reason, Verdict
from dataplane.tables.policy_table import PolicyTable
from tests.native.connections.connections_support import (
    ACK,
    INSIDE,
    OUTSIDE,
    SYN,
    Address,
    Pair,
    fate,
    tracking,
)
from tests.native.harness import Frame, Harness

MAX = 2048
ROOM = ConnectionCapacities(connections_max=MAX)
PLACES = 16 * (2 + (MAX - 1) // 11)
A, B = 1, 2
PERCENT = 25
SHARE = MAX * PERCENT // 100
LOST_MAX = MAX // 1000 + 1
"""As many find all their places taken in any table that holds what it is made for."""


@dataclass(frozen=True)
class Family:
    """Where the two profiles' hosts are, and their clients."""

    host: dict[int, Address]
    length: int
    """Of the prefix of a host, as of a mapped address."""
    clients: Address

    def pair(self, profile: int, number: int) -> Pair:
        client = ip_address(int(self.clients) + (profile << 20) + number // 50_000)
        return Pair(client, self.host[profile], 1 + number % 50_000)


FAMILIES = {
    "ipv4": Family(
        {A: IPv4Address("198.51.100.10"), B: IPv4Address("198.51.100.20")},
        128,
        IPv4Address("203.0.0.0"),
    ),
    "ipv6": Family(
        {A: IPv6Address("2001:db8:5::10"), B: IPv6Address("2001:db8:5::20")},
        128,
        IPv6Address("2001:db8:7::"),
    ),
}


@pytest.fixture(params=FAMILIES.values(), ids=FAMILIES)
def family(request: pytest.FixtureRequest) -> Family:
    found: Family = request.param
    return found


def use_shares(harness: Harness, family: Family, a: int = PERCENT, b: int = PERCENT) -> None:
    """Two profiles of a host each; shares in percent."""

    def fill(table: PolicyTable) -> None:
        for index, percent in ((A, a), (B, b)):
            table.add(index).share_q16 = (percent << 16) // 100
            host = family.host[index].packed
            mapped = host if len(host) == 16 else bytes(10) + b"\xff\xff" + host
            table.target(mapped, family.length, index)

    harness.use_policy(fill, targets_max=2)
    for index in (A, B):
        for reason in (Reason.OUT_OF_STATE, Reason.CONNECTIONS_FULL, Reason.CONNECTIONS_SHARE):
            harness.policy.profile(index).mode[reason] = Mode.ENFORCE


def send(harness: Harness, frames: list[Frame]) -> int:
    """How many of them are dropped."""
    dropped = 0
    for at in range(0, len(frames), BURST_MAX):
        packets = harness.run(frames[at : at + BURST_MAX])
        dropped += sum(packet.verdict == Verdict.DROP for packet in packets)
    return dropped


def establish(harness: Harness, family: Family, profile: int, numbers: range) -> None:
    """A burst of them at a time, so that none is replaced before it is proven."""
    for at in range(0, len(numbers), BURST_MAX):
        pairs = [family.pair(profile, n) for n in numbers[at : at + BURST_MAX]]
        for step in range(3):
            send(harness, [pair.handshake()[step] for pair in pairs])


def refused(harness: Harness, family: Family, profile: int, numbers: range) -> int:
    """How many connections are not known: a segment of theirs is of no connection."""
    segments = [family.pair(profile, n).tcp(OUTSIDE, ACK, 1001, 5001) for n in numbers]
    return send(harness, segments)


def active(harness: Harness, profile: int) -> int:
    return int(harness.stats.connections_of[profile])


def flood(kind: str, family: Family, count: int, first: int = 0) -> list[Frame]:
    pairs = [family.pair(A, number) for number in range(first, first + count)]
    if kind == "udp":
        return [pair.udp(OUTSIDE) for pair in pairs]
    return [pair.tcp(OUTSIDE, SYN, 1000) for pair in pairs]


@pytest.mark.parametrize("kind", ["udp", "syn"])
def test_a_flood_takes_nothing_of_what_the_other_profile_has(
    harness: Harness, family: Family, kind: str
) -> None:
    use_shares(harness, family)
    with tracking(harness, ROOM):
        answered, asked, opened = range(100), range(100, 200), range(200, 300)
        for number in answered:
            pair = family.pair(B, number)
            send(harness, [pair.udp(OUTSIDE), pair.udp(INSIDE)])
        send(harness, [family.pair(B, number).udp(OUTSIDE) for number in asked])
        send(harness, [family.pair(B, number).tcp(OUTSIDE, SYN, 1000) for number in opened])
        assert active(harness, B) == 300
        send(harness, flood(kind, family, 4 * PLACES))
        assert active(harness, B) == 300
        # None of them begins anew.
        before = harness.stats.connections.opened
        send(harness, [family.pair(B, number).udp(INSIDE) for number in (*answered, *asked)])
        send(harness, [family.pair(B, number).handshake()[1] for number in opened])
        assert harness.stats.connections.opened == before


@pytest.mark.parametrize("kind", ["udp", "syn"])
def test_new_connections_of_the_other_profile_are_tracked_during_a_flood(
    harness: Harness, family: Family, kind: str
) -> None:
    use_shares(harness, family)
    with tracking(harness, ROOM):
        send(harness, flood(kind, family, 2 * PLACES))
        assert active(harness, A) == MAX - SHARE
        for at in range(0, SHARE, 32):
            establish(harness, family, B, range(at, at + 32))
            send(harness, flood(kind, family, 256, first=1000 * at))
        assert active(harness, B) >= SHARE - LOST_MAX
        assert refused(harness, family, B, range(SHARE)) <= LOST_MAX
        assert active(harness, A) + active(harness, B) <= MAX


def test_proven_connections_of_one_profile_leave_the_share_of_the_other(
    harness: Harness, family: Family
) -> None:
    """As of a botnet whose hosts complete their handshakes."""
    use_shares(harness, family)
    with tracking(harness, ROOM):
        establish(harness, family, A, range(2 * MAX))
        assert active(harness, A) <= MAX - SHARE
        stats = harness.stats.profile[A].count[Reason.CONNECTIONS_SHARE]
        assert stats[Mode.ENFORCE] > 0
        assert harness.stats.connections.untracked > 0
        establish(harness, family, B, range(SHARE))
        assert refused(harness, family, B, range(SHARE)) <= LOST_MAX
        assert harness.stats.profile[B].count[Reason.CONNECTIONS_SHARE][Mode.ENFORCE] == 0


def test_a_profile_borrows_what_no_share_is_kept_for(harness: Harness, family: Family) -> None:
    use_shares(harness, family, a=0, b=40)
    with tracking(harness, ROOM):
        establish(harness, family, A, range(MAX // 2))
        assert refused(harness, family, A, range(MAX // 2)) <= LOST_MAX


def test_at_its_share_a_new_connection_replaces_one_of_its_own_profile(
    harness: Harness, family: Family
) -> None:
    use_shares(harness, family)
    with tracking(harness, ROOM):
        send(harness, flood("udp", family, 2 * PLACES))
        before = active(harness, A)
        establish(harness, family, A, range(10**6, 10**6 + 100))
        assert active(harness, A) == before
        assert refused(harness, family, A, range(10**6, 10**6 + 100)) == 0


def test_without_the_mode_what_finds_no_place_passes_untracked(
    harness: Harness, family: Family
) -> None:
    use_shares(harness, family)
    with tracking(harness, ROOM):
        establish(harness, family, A, range(2 * MAX))
        for reason in (Reason.OUT_OF_STATE, Reason.CONNECTIONS_SHARE):
            harness.policy.profile(A).mode[reason] = Mode.MONITOR
        before = harness.stats.connections.untracked
        new = [family.pair(A, number).tcp(OUTSIDE, SYN, 1000) for number in range(10**6, 10**6 + 9)]
        assert send(harness, new) == 0
        assert harness.stats.connections.untracked == before + 9
        counted = harness.stats.profile[A].count[Reason.CONNECTIONS_SHARE]
        assert counted[Mode.MONITOR] == 9


def test_shares_come_with_a_policy_and_go_with_it(harness: Harness, family: Family) -> None:
    use_shares(harness, family, a=0, b=0)
    with tracking(harness, ROOM):
        send(harness, flood("syn", family, 4 * PLACES))
        full = active(harness, A)
        assert full > MAX
        use_shares(harness, family)
        # What is there stays, and what is new of the other takes of it.
        establish(harness, family, B, range(SHARE))
        assert refused(harness, family, B, range(SHARE)) <= LOST_MAX
        assert active(harness, A) + active(harness, B) <= full + SHARE
        use_shares(harness, family, a=0, b=0)
        send(harness, flood("syn", family, 4 * PLACES, first=10**6))
        assert active(harness, A) > MAX - SHARE


def test_a_connection_is_counted_for_its_profile_until_it_is_gone(
    harness: Harness, family: Family
) -> None:
    use_shares(harness, family)
    with tracking(harness, ROOM) as table:
        establish(harness, family, A, range(50))
        send(harness, [family.pair(B, number).udp(INSIDE) for number in range(30)])
        assert (active(harness, 0), active(harness, A), active(harness, B)) == (0, 50, 30)
        harness.time.boot_ds += 10 * ROOM.timeouts.one_way + 1
        for _ in range(1000):
            harness.time.boot_ds += 1
            table.sweep(harness.time.boot_ds)
        assert (active(harness, A), active(harness, B)) == (50, 0)


def test_shares_of_more_than_all_there_is_are_refused(harness: Harness, family: Family) -> None:
    with pytest.raises(NativeError, match="policy"):
        use_shares(harness, family, a=60, b=50)


def test_who_is_in_the_way_is_the_one_who_has_borrowed(harness: Harness, family: Family) -> None:
    """A handshake of one profile is not the price of another's new connections."""
    use_shares(harness, family)
    with tracking(harness, ROOM):
        opened = range(SHARE - 100)
        send(harness, [family.pair(B, number).tcp(OUTSIDE, SYN, 1000) for number in opened])
        send(harness, flood("syn", family, 4 * PLACES))
        establish(harness, family, B, range(10_000, 10_100))
        assert [fate(harness, family.pair(B, number).handshake()[1]) for number in range(3)] == [
            [Reason.NONE]
        ] * 3
        before = harness.stats.connections.opened
        send(harness, [family.pair(B, number).handshake()[1] for number in opened])
        assert harness.stats.connections.opened == before

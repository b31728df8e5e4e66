"""A limit of connections binds however many are begun at once: one too many is reset."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
from scapy.layers.inet import TCP
from scapy.layers.l2 import Ether

from dataplane.native.abi import BURST_MAX, Mode, Port, Reason, Verdict
from tests.native.connections.connections_support import (
    ACK,
    INSIDE,
    OUTSIDE,
    PSH,
    Pair,
    fate,
    passes,
    tracking,
)
from tests.native.connections.syn.syn_proxy_support import (
    FRAMES,
    ISN,
    Seen,
    proxying,
    segment,
    step,
    syn,
)
from tests.native.harness import Frame, Harness

LIMIT, COUNT = 2, 50


@pytest.fixture
def node(harness: Harness) -> Iterator[Harness]:
    with tracking(harness):
        harness.give_outbox()
        harness.policy.profile(0).connections_max = LIMIT
        yield harness
        harness.lcore.outbox = 0


def in_bursts(node: Harness, frames: Sequence[Frame]) -> tuple[list[Verdict], list[Seen]]:
    """What became of each, and the frames of the node's own."""
    fates, sent = [], []
    for start in range(0, len(frames), BURST_MAX):
        burst = node.run(frames[start : start + BURST_MAX])
        fates += [Verdict(packet.verdict) for packet in burst]
        own, _ = node.sent()
        sent += [Seen(Port(packet.port ^ 1), data) for packet, data in own]
    return fates, sent


def test_of_many_syns_at_once_no_more_get_through_than_allowed(node: Harness, pair: Pair) -> None:
    pairs = [replace(pair, client_port=port) for port in range(1, COUNT + 1)]
    first, second, third = zip(*(one.handshake() for one in pairs), strict=True)
    assert passes(node, *first, *second)
    fates, resets = in_bursts(node, third)
    assert fates == [Verdict.PASS] * LIMIT + [Verdict.DROP] * (COUNT - LIMIT)
    assert node.stats.connections.proven == LIMIT
    refused = COUNT - LIMIT
    assert node.stats.port[OUTSIDE].dropped[Reason.CONNECTIONS_SOURCE] == refused
    told = [(one.port, one.flags, one.tcp.seq) for one in resets]
    assert sorted(told) == [(OUTSIDE, "R", 5001)] * refused + [(INSIDE, "R", 1001)] * refused
    ports = {one.tcp.dport if one.port is OUTSIDE else one.tcp.sport for one in resets}
    assert ports == set(range(LIMIT + 1, COUNT + 1))


def test_what_was_reset_is_not_counted_and_may_come_again(node: Harness, pair: Pair) -> None:
    node.policy.profile(0).connections_max = 1
    one, other = pair, replace(pair, client_port=2)
    first, again = one.handshake(), other.handshake()
    assert passes(node, *first[:2], *again[:2], first[2])
    assert fate(node, again[2]) == [Reason.CONNECTIONS_SOURCE]
    assert passes(node, one.tcp(OUTSIDE, 4, 1001))  # RST
    assert passes(node, *other.handshake())


def test_monitored_it_resets_nothing(node: Harness, pair: Pair) -> None:
    node.set_mode(Reason.CONNECTIONS_SOURCE, Mode.MONITOR)
    pairs = [replace(pair, client_port=port) for port in range(1, 6)]
    first, second, third = zip(*(one.handshake() for one in pairs), strict=True)
    assert passes(node, *first, *second)
    assert in_bursts(node, third) == ([Verdict.PASS] * 5, [])
    assert node.stats.profile[0].count[Reason.CONNECTIONS_SOURCE][Mode.MONITOR] == 5 - LIMIT
    assert node.stats.connections.proven == 5


@pytest.mark.parametrize(("learning_ds", "expected"), [(1, 4), (0, LIMIT)])
def test_what_is_picked_up_is_limited_but_not_after_a_start(
    node: Harness, pair: Pair, learning_ds: int, expected: int
) -> None:
    """Not seeing a handshake, as when the node was made to forget it, is no way past the limit."""
    node.set_mode(Reason.OUT_OF_STATE, Mode.MONITOR)
    node.node.learning_until_ds = node.time.boot_ds + learning_ds
    for port in range(1, 5):
        one = replace(pair, client_port=port)
        fate(node, one.tcp(OUTSIDE, ACK, 1, 1), one.tcp(INSIDE, ACK | PSH, 1, 1, size=9))
    assert node.stats.connections.proven == expected


def test_without_a_buffer_it_is_asked_again_at_the_next_segment(node: Harness) -> None:
    node.policy.profile(0).connections_max = 1
    one, other = Pair(), Pair(client_port=2)
    first, again = one.handshake(), other.handshake()
    assert passes(node, *first[:2], *again[:2], first[2])
    node.outbox.buffer_count = 0
    assert node.run_one(again[2]).reason == Reason.CONNECTIONS_SOURCE
    assert node.sent() == ([], [])
    data = other.tcp(OUTSIDE, ACK | PSH, 1001, 5001, size=10)
    fates, resets = in_bursts(node, [data])
    assert (fates, len(resets)) == ([Verdict.DROP], 2)


@pytest.mark.parametrize("kind", FRAMES)
def test_through_the_syn_proxy_no_more_are_opened_than_allowed(harness: Harness, kind: str) -> None:
    with proxying(harness):
        harness.policy.profile(0).connections_max = LIMIT
        cookies: dict[bytes, int] = {}
        for port in range(1, COUNT + 1):
            frame = FRAMES[kind].copy()
            frame[TCP].sport = port
            (answer,) = step(harness, syn(bytes(frame)))
            cookies[bytes(frame)] = answer.tcp.seq
        seen = [
            one
            for like, cookie in cookies.items()
            for one in step(harness, segment(like, OUTSIDE, "A", ISN + 1, cookie + 1))
        ]
        assert [(one.port, one.flags) for one in seen] == (
            [(INSIDE, "S")] * LIMIT + [(OUTSIDE, "R")] * (COUNT - LIMIT)
        )
        expected = [(cookie + 1) % (1 << 32) for cookie in list(cookies.values())[LIMIT:]]
        assert [one.tcp.seq for one in seen[LIMIT:]] == expected
        assert harness.stats.connections.accepted == harness.stats.connections.active == LIMIT
        refused = harness.stats.port[OUTSIDE].dropped[Reason.CONNECTIONS_SOURCE]
        assert refused == COUNT - LIMIT
        assert Ether(seen[-1].frame).dst == "02:00:00:00:00:01"


def test_monitored_the_syn_proxy_opens_all(harness: Harness) -> None:
    with proxying(harness):
        harness.policy.profile(0).connections_max = 1
        harness.set_mode(Reason.CONNECTIONS_SOURCE, Mode.MONITOR)
        for port in (1, 2):
            frame = FRAMES["ipv4"].copy()
            frame[TCP].sport = port
            (answer,) = step(harness, syn(bytes(frame)))
            back = segment(bytes(frame), OUTSIDE, "A", ISN + 1, answer.tcp.seq + 1)
            assert [one.flags for one in step(harness, back)] == ["S"]

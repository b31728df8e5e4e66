"""What the SYN proxy has held goes through the stages behind connections when it is released."""

from __future__ import annotations

import ipaddress

from scapy.layers.inet import IP, TCP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether

from dataplane.base.settings import SynProxyCapacities
from dataplane.native import abi
from dataplane.native.abi import Stage, SynProxy, Verdict
from dataplane.tables.policy_table import PolicyTable
from dataplane.tables.syn_proxy_table import CookieSecrets
from tests.native.connections.connections_support import INSIDE, OUTSIDE
from tests.native.connections.syn.syn_proxy_support import (
    HOST_ISN,
    ISN,
    answered,
    proxying,
    segment,
    syn,
)
from tests.native.harness import Harness

PIECES = (b"one", b"two!", b"three")
OTHER_PROFILE = 3


def hold_early_data(harness: Harness, like: bytes) -> None:
    """A client with a cookie sends all pieces before the host has answered."""
    cookie, at, sent = answered(harness, syn(like, [])).tcp.seq, ISN + 1, []
    for piece in PIECES:
        sent.append(segment(like, OUTSIDE, "PA", at, cookie + 1, piece))
        at += len(piece)
    harness.run(sent)
    harness.sent()
    assert harness.stats.port[OUTSIDE].held_now == len(PIECES)


def entered(harness: Harness) -> dict[Stage, int]:
    return {stage: harness.stats.stage[stage].packets for stage in Stage}


def test_released_packets_enter_the_stages_behind_connections_and_no_other(
    harness: Harness, secrets: CookieSecrets, like: bytes
) -> None:
    hold_early_data(harness, like)
    before = entered(harness)
    (answer,) = harness.run([segment(like, INSIDE, "SA", HOST_ISN, ISN + 1)])
    assert answer.verdict == Verdict.CONSUMED
    more = {stage: count - before[stage] for stage, count in entered(harness).items()}
    assert more[Stage.FORWARD] == len(PIECES)
    # The host's answer is in the burst itself; the profile is selected anew.
    assert more[Stage.PROFILE] == 1 + len(PIECES)
    others = set(Stage) - {Stage.FORWARD, Stage.PROFILE, Stage.HTTP}
    assert {more[stage] for stage in others} == {1}


def test_the_ledger_holds_over_what_was_held_and_what_was_released(
    harness: Harness, secrets: CookieSecrets, like: bytes
) -> None:
    hold_early_data(harness, like)
    harness.run([segment(like, INSIDE, "SA", HOST_ISN, ISN + 1)])
    own, released = harness.sent()
    assert own == []
    assert [packet.verdict for packet, _ in released] == [Verdict.PASS] * len(PIECES)
    for port, passed in ((OUTSIDE, len(PIECES)), (INSIDE, 0)):
        stats = harness.stats.port[port]
        dropped = sum(stats.dropped)
        assert stats.received == passed + stats.consumed + dropped + stats.held_now
        assert (dropped, stats.held_now) == (0, 0)


def test_released_packets_are_under_the_policy_that_is_in_force_then(
    harness: Harness, secrets: CookieSecrets, like: bytes
) -> None:
    hold_early_data(harness, like)

    def fill(table: PolicyTable) -> None:
        frame = Ether(like)
        server = ipaddress.ip_address(frame[IP].dst if IP in frame else frame[IPv6].dst)
        is_ipv4 = server.version == 4
        key = bytes(10) + b"\xff\xff" + server.packed if is_ipv4 else server.packed
        table.profile(OTHER_PROFILE).syn_proxy = SynProxy.ALWAYS
        table.target(key, 128, OTHER_PROFILE)

    harness.use_policy(fill)
    harness.run([segment(like, INSIDE, "SA", HOST_ISN, ISN + 1)])
    _, released = harness.sent()
    assert [packet.profile for packet, _ in released] == [OTHER_PROFILE] * len(PIECES)


def test_more_than_a_burst_is_released_at_once(harness: Harness, like: bytes) -> None:
    clients, each = [], 3
    for port in range(1, 17):
        frame = Ether(like)
        frame[TCP].sport = port
        clients.append(bytes(frame))
    count = each * len(clients)
    assert count > abi.BURST_MAX
    with proxying(harness, SynProxyCapacities(8 * len(clients), 16 * len(clients))):
        for client in clients:
            cookie = answered(harness, syn(client, [])).tcp.seq
            data = [(ISN + 1 + i, cookie + 1, b"x") for i in range(each)]
            harness.run([segment(client, OUTSIDE, "PA", *one) for one in data])
            harness.sent()
        before = entered(harness)[Stage.FORWARD]
        harness.run([segment(client, INSIDE, "SA", HOST_ISN, ISN + 1) for client in clients])
        _, released = harness.sent()
    assert len(released) == count == entered(harness)[Stage.FORWARD] - before
    assert {packet.verdict for packet, _ in released} == {Verdict.PASS}
    assert harness.stats.port[OUTSIDE].held_now == 0


def test_what_is_given_up_enters_no_stage(
    harness: Harness, secrets: CookieSecrets, like: bytes
) -> None:
    hold_early_data(harness, like)
    before = entered(harness)[Stage.FORWARD]
    harness.run([segment(like, INSIDE, "RA", 0, ISN + 1)])
    own, released = harness.sent()
    assert [packet.origin for packet, _ in own] == [abi.Origin.RESET]
    assert [packet.verdict for packet, _ in released] == [Verdict.CONSUMED] * len(PIECES)
    assert entered(harness)[Stage.FORWARD] == before

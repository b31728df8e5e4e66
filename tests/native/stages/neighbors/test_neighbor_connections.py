"""Sessions of routers that the policy names, in the stage of connections and its SYN proxy."""

from __future__ import annotations

from scapy.layers.inet import TCP

from dataplane.base.networks import Network
from dataplane.native.abi import Neighbor, Reason
from dataplane.tables.policy_table import PolicyTable
from tests.native import frames
from tests.native.connections.connections_support import (
    ACK,
    INSIDE,
    OUTSIDE,
    PSH,
    RST,
    SYN,
    Pair,
    fate,
    passes,
    tracking,
)
from tests.native.connections.syn.syn_proxy_support import FRAMES, proxying, segment, step
from tests.native.harness import Harness

BGP = Pair(server_port=179)


def peering(table: PolicyTable) -> None:
    table.neighbor(*Network.parse(frames.CLIENT4), 1 << Neighbor.BGP)


def test_a_segment_of_no_connection_is_not_refused(harness: Harness) -> None:
    harness.use_policy(peering)
    with tracking(harness):
        assert passes(harness, BGP.tcp(OUTSIDE, ACK | PSH, 7, 9, size=19))
        assert passes(harness, BGP.tcp(OUTSIDE, RST, 7))
        other = Pair(server_port=80)
        assert fate(harness, other.tcp(OUTSIDE, ACK | PSH, 7, 9)) == [Reason.OUT_OF_STATE]


def test_a_segment_out_of_the_window_is_not_refused(harness: Harness) -> None:
    harness.use_policy(peering)
    with tracking(harness):
        assert passes(harness, *BGP.handshake(), BGP.tcp(OUTSIDE, ACK | PSH, 2**31, 5001, size=19))


def test_it_may_have_more_connections_than_a_source_may(harness: Harness) -> None:
    def fill(table: PolicyTable) -> None:
        table.add(0).connections_max = 1
        peering(table)

    harness.use_policy(fill)
    with tracking(harness):
        for port in (40000, 40001, 40002):
            assert passes(harness, *Pair(client_port=port, server_port=179).handshake())
        one = Pair(client_port=40003, server_port=80)
        assert fate(harness, one.tcp(OUTSIDE, SYN, 1000)) == [Reason.CONNECTIONS_SOURCE]


def test_the_syn_proxy_answers_nothing_in_its_place(harness: Harness) -> None:
    like = FRAMES["ipv4"].copy()
    like[TCP].dport = 179
    harness.use_policy(peering)
    with proxying(harness):
        for sender, flags, *numbers in (
            (OUTSIDE, "S", 1000),
            (INSIDE, "SA", 5000, 1001),
            (OUTSIDE, "A", 1001, 5001),
            (OUTSIDE, "PA", 1001, 5001),
        ):
            sent = segment(bytes(like), sender, flags, *numbers)
            assert [one.frame for one in step(harness, sent)] == [sent.data]
        assert harness.stats.connections.proven == 1
        ((answer),) = step(harness, segment(bytes(FRAMES["ipv4"]), OUTSIDE, "S", 1000))
        assert (answer.port, answer.flags) == (OUTSIDE, "SA"), "its other traffic goes through it"


def test_the_syn_proxy_lets_a_session_through_that_it_never_saw_begin(harness: Harness) -> None:
    like = FRAMES["ipv4"].copy()
    like[TCP].dport = 179
    harness.use_policy(peering)
    with proxying(harness):
        sent = segment(bytes(like), OUTSIDE, "PA", 1001, 5001)
        assert [one.frame for one in step(harness, sent)] == [sent.data]

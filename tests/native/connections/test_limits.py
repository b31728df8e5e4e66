"""The limit of a source's connections: which connections count, and which are refused."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv6Address

from dataplane.native.abi import Mode, Reason
from tests.native.connections.connections_support import (
    INSIDE,
    OUTSIDE,
    PAIRS,
    RST,
    SYN,
    Pair,
    fate,
    passes,
)
from tests.native.harness import Harness


def connect(node: Harness, pair: Pair, port: int) -> list[Reason]:
    """A host does not answer a SYN that it has not received."""
    syn, *rest = replace(pair, client_port=port).handshake()
    found = fate(node, syn)
    return found + fate(node, *rest) if found == [Reason.NONE] else found


def test_a_source_has_no_more_connections_than_allowed(node: Harness, pair: Pair) -> None:
    node.policy.profile(0).connections_max = 2
    one, other = replace(pair, client_port=1), replace(pair, client_port=2)
    assert passes(node, *one.handshake(), *other.handshake())
    assert connect(node, pair, 3)[0] is Reason.CONNECTIONS_SOURCE
    assert passes(node, *replace(pair, client_port=9).handshake(INSIDE))  # the server's own
    assert passes(node, one.tcp(OUTSIDE, RST, 1001), other.tcp(OUTSIDE, RST, 1001))
    assert connect(node, pair, 4) == [Reason.NONE] * 3


def test_forged_syns_use_up_nobody_s_connections(node: Harness, pair: Pair) -> None:
    node.policy.profile(0).connections_max = 1
    for port in range(1, 100):
        assert passes(node, replace(pair, client_port=port).tcp(OUTSIDE, SYN, 1))
    assert connect(node, pair, 1000) == [Reason.NONE] * 3


def test_an_ipv6_64_is_one_source(node: Harness) -> None:
    node.policy.profile(0).connections_max = 1
    pair = PAIRS["ipv6"]
    assert connect(node, pair, 1) == [Reason.NONE] * 3
    neighbour = replace(pair, client=IPv6Address("2001:db8::8"))
    assert connect(node, neighbour, 1)[0] is Reason.CONNECTIONS_SOURCE
    assert (
        connect(node, replace(pair, client=IPv6Address("2001:db8:0:1::7")), 1) == [Reason.NONE] * 3
    )


def test_monitored_limits_count_and_let_through(node: Harness, pair: Pair) -> None:
    node.set_mode(Reason.CONNECTIONS_SOURCE, Mode.MONITOR)
    node.policy.profile(0).connections_max = 1
    for port in (1, 2, 3):
        assert connect(node, pair, port) == [Reason.NONE] * 3
    syns_and_proofs = 4
    counts = node.stats.profile[0].count[Reason.CONNECTIONS_SOURCE]
    assert counts[Mode.MONITOR] == syns_and_proofs

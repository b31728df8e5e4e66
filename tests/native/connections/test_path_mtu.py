"""Routers that say that packets of an open connection are too large pass, wherever they are.

RFC 2979, section 3.1.1; RFC 4890, section 4.3.1; which of them, RFC 5927, section 4.1.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address

import pytest
from scapy.layers.inet import ICMP, IP, TCP
from scapy.layers.l2 import Ether

from dataplane.countries.codes import index_of
from dataplane.native.abi import PATH_MTU_PER_S, Mode, PacketFlag, Reason, SynProxy, Use, Verdict
from dataplane.tables.limits_table import Limits
from dataplane.tables.lists import HASH_KEY_BYTES
from dataplane.tables.policy_table import PolicyTable
from tests.native.connections.connections_support import (
    ACK,
    INSIDE,
    OUTSIDE,
    PAIRS,
    PSH,
    RST,
    Pair,
    fate,
    passes,
    tracking,
)
from tests.native.connections.syn.syn_proxy_support import (
    FRAMES,
    HOST_ISN,
    ISN,
    opened,
    proxying,
    segment,
    step,
)
from tests.native.harness import Frame, Harness
from tests.native.stages.countries_support import country_table
from tests.native.stages.limits.limits_support import SMALL, put_limit

ROUTERS = {4: IPv4Address("192.0.2.1"), 6: IPv6Address("2001:db8:99::1")}
ABROAD = [Reason.GEO_ALLOW]
DE = index_of("DE")
SENT = 1400
"""Bytes of the host that are on their way, from 5001 on."""


def only_germany(table: PolicyTable) -> None:
    profile = table.profile(0)
    profile.geo_allow[DE // 64] |= 1 << DE % 64
    profile.uses |= Use.GEO_ALLOW
    put_limit(profile, Reason.ICMP_LIMIT, 1, 1, icmp_only=1)


@contextmanager
def judging(harness: Harness) -> Iterator[None]:
    """Clients are in Germany, routers are not, and one ICMP a second is let through."""
    client4, client6 = (int(PAIRS[name].client) for name in ("ipv4", "ipv6"))
    with (
        country_table(
            harness.library,
            [(0, 0), (client4, DE), (client4 + 1, 0)],
            [(0, 0), (client6, DE), (client6 + 1, 0)],
        ) as countries,
        Limits(harness.library, SMALL, bytes(range(HASH_KEY_BYTES))) as limits,
    ):
        harness.node.countries, harness.lcore.limits = countries.address, limits.address
        harness.use_policy(only_germany)
        harness.set_mode(Reason.GEO_ALLOW, Mode.ENFORCE)
        yield
        harness.node.countries = harness.lcore.limits = 0


@pytest.fixture
def node(harness: Harness) -> Iterator[Harness]:
    with judging(harness), tracking(harness):
        yield harness


def error(pair: Pair, quoted: Frame, kind: int | None = None, code: int = 4) -> Frame:
    """What a router says about a frame of the host; too large, if no other type is given."""
    version = pair.client.version
    start = len(pair.link) + 2
    size = 20 if version == 4 else 40
    if kind is None:
        kind, code = (3, code) if version == 4 else (2, 0)
    message = struct.pack("!BBHI", kind, code, 0, 1280) + quoted.data[start : start + size + 8]
    router = replace(pair, client=ROUTERS[version])
    return router.ip(OUTSIDE, 1 if version == 4 else 58, message)


def established(node: Harness, pair: Pair) -> Frame:
    """A segment of the host that is in flight."""
    sent = pair.tcp(INSIDE, ACK | PSH, 5001, 1001, size=SENT)
    assert passes(node, *pair.handshake(), sent)
    return sent


def test_it_passes_wherever_the_router_is_and_pays_for_no_ping(node: Harness, pair: Pair) -> None:
    sent = established(node, pair)
    assert passes(node, *[error(pair, sent)] * 10)
    packet = node.run_one(error(pair, sent))
    assert PacketFlag.PATH_MTU in PacketFlag(packet.flags)


def test_of_a_burst_each_is_looked_at(node: Harness, pair: Pair) -> None:
    sent = established(node, pair)
    stranger = error(replace(pair, client_port=7), segment_of_nobody(pair))
    burst = [error(pair, sent), stranger, pair.tcp(OUTSIDE, ACK, 1001, 5001)]
    reasons = [Reason(packet.reason) for packet in node.run(burst)]
    assert reasons == [Reason.NONE, *ABROAD, Reason.NONE]


def segment_of_nobody(pair: Pair) -> Frame:
    return replace(pair, client_port=7).tcp(INSIDE, ACK | PSH, 5001, 1001, size=SENT)


@pytest.mark.parametrize(
    ("sequence", "is_known"),
    [
        (5001, True),
        (5000 + SENT, True),
        (5001 + SENT, False),  # not sent yet
        (5000, False),  # acknowledged
        (5001 + (1 << 31), False),
    ],
)
def test_only_what_quotes_a_number_in_flight_is_exempt(
    node: Harness, pair: Pair, sequence: int, is_known: bool
) -> None:
    established(node, pair)
    assert passes(node, pair.tcp(OUTSIDE, ACK, 1001, 5001))
    quoted = pair.tcp(INSIDE, ACK | PSH, sequence, 1001)
    assert fate(node, error(pair, quoted)) == ([Reason.NONE] if is_known else ABROAD)


def test_other_errors_are_judged_as_ever(node: Harness, pair: Pair) -> None:
    sent = established(node, pair)
    others = ((3, 1), (11, 0)) if pair.client.version == 4 else ((1, 0), (3, 0))
    for kind, code in others:
        assert fate(node, error(pair, sent, kind, code)) == ABROAD


def test_a_connection_must_be_open_and_known(node: Harness, pair: Pair) -> None:
    assert fate(node, error(pair, segment_of_nobody(pair))) == ABROAD
    half = replace(pair, client_port=8)
    assert passes(node, *half.handshake()[:2])
    assert fate(node, error(half, half.tcp(INSIDE, ACK, 5000, 1001))) == ABROAD
    sent = established(node, pair)
    assert passes(node, pair.tcp(INSIDE, RST, 5001 + SENT))
    assert fate(node, error(pair, sent)) == ABROAD


def test_the_whole_node_lets_so_many_through_a_second(node: Harness) -> None:
    pair = PAIRS["ipv4"]
    said = error(pair, established(node, pair))
    assert passes(node, *[said] * PATH_MTU_PER_S)
    assert fate(node, said) == ABROAD
    node.time.tsc += 10**9 // PATH_MTU_PER_S
    assert fate(node, said, said) == [Reason.NONE, *ABROAD]


def test_through_the_syn_proxy_the_client_s_numbers_are_quoted(harness: Harness) -> None:
    like = bytes(FRAMES["ipv4"])
    with proxying(harness):
        cookie = opened(harness, like).cookie
        step(harness, segment(like, INSIDE, "PA", HOST_ISN + 1, ISN + 1, b"data"))
        with judging(harness):
            harness.policy.profile(0).syn_proxy = SynProxy.ALWAYS
            ip = IP(src="198.51.100.10", dst="203.0.113.7", proto=6)
            ports = TCP(sport=80, dport=40000)
            for sequence, verdict in ((cookie + 1, Verdict.PASS), (HOST_ISN + 1, Verdict.DROP)):
                ports.seq = sequence % (1 << 32)
                quote = ICMP(type=3, code=4) / ip / ports
                frame = Ether(like)[Ether].copy()
                frame.remove_payload()
                frame /= IP(src="192.0.2.1", dst="198.51.100.10") / quote
                assert harness.run_one(Frame(bytes(frame))).verdict == verdict

"""Limits of new connections where the SYN proxy answers: what is accepted pays, and pays once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from scapy.layers.inet import TCP
from scapy.layers.l2 import Ether

from dataplane.native.abi import Mode, Reason, Scope, SynProxy, Unit
from tests.native.connections.connections_support import INSIDE, OUTSIDE
from tests.native.connections.syn.syn_proxy_support import (
    FRAMES,
    FULL,
    HOST_ISN,
    ISN,
    answered,
    opening,
    proxying,
    segment,
    step,
    syn,
)
from tests.native.harness import Harness
from tests.native.stages.limits.limits_support import buckets, put_limit

REASON = Reason.RATE_SOURCE_CONNECTIONS
BURST = 3


@pytest.fixture(autouse=True)
def limited(harness: Harness) -> Iterator[None]:
    """Three connections of a source, and then one in a long time."""

    with buckets(harness):
        harness.use_policy(
            lambda table: put_limit(
                table.profile(0), REASON, 1, BURST, scope=Scope.SOURCE, unit=Unit.CONNECTIONS
            )
        )
        with proxying(harness):
            yield


def refused(harness: Harness) -> int:
    return int(harness.stats.port[OUTSIDE].dropped[REASON])


def from_port(like: bytes, sport: int) -> bytes:
    made = Ether(like)
    made[TCP].sport = sport
    return bytes(made)


def connect(harness: Harness, like: bytes, cookie: int) -> bool:
    """Bring the cookie; the host answers, and ends it again. Whether it was opened."""
    if not opening(harness, like, cookie):
        return False
    step(harness, segment(like, INSIDE, "SA", HOST_ISN, ISN + 1))
    step(harness, segment(like, INSIDE, "RA", HOST_ISN + 1, ISN + 1))
    return True


def test_one_cookie_opens_no_more_connections_than_the_limit(harness: Harness, like: bytes) -> None:
    cookie = answered(harness, syn(like)).tcp.seq
    assert [connect(harness, like, cookie) for _ in range(6)] == [True] * 3 + [False] * 3
    assert refused(harness) == 3


def test_a_connection_pays_once(harness: Harness, like: bytes) -> None:
    cookies = {port: answered(harness, syn(from_port(like, port))).tcp.seq for port in range(1, 6)}
    opened = [connect(harness, from_port(like, port), one) for port, one in cookies.items()]
    assert opened == [True] * 3 + [False] * 2


def test_a_syn_that_is_answered_pays_nothing(harness: Harness, like: bytes) -> None:
    for port in range(1, 50):
        answered(harness, syn(from_port(like, port)))
    assert refused(harness) == 0


@pytest.mark.parametrize("why", ["asks for all", "signed", "auto is off"])
def test_a_syn_that_passes_pays(harness: Harness, like: bytes, why: str) -> None:
    if why == "auto is off":
        profile = harness.policy.profile(0)
        profile.syn_proxy, profile.syn_rate = SynProxy.AUTO, 1000
    options = {"asks for all": FULL, "signed": [(19, bytes(16))]}.get(why, [])
    passed = 0
    for port in range(1, 10):
        frame = from_port(like, port)
        made = Ether(frame)
        made[TCP].dport = port  # each is asked once
        passed += any(one.port is INSIDE for one in step(harness, syn(bytes(made), options)))
    assert (passed, refused(harness)) == (BURST, 9 - BURST)


def test_what_there_is_no_room_for_pays_nothing(harness: Harness) -> None:
    """A quarter of what is free is one source's: two of eight; then it comes again."""
    like = bytes(FRAMES["ipv4"])
    for port in (1, 2):
        frame = from_port(like, port)
        assert opening(harness, frame, answered(harness, syn(frame)).tcp.seq)
    third = from_port(like, 3)
    cookie = answered(harness, syn(third)).tcp.seq
    for _ in range(5):
        assert opening(harness, third, cookie) == []
    assert refused(harness) == 0
    step(harness, segment(from_port(like, 1), INSIDE, "SA", HOST_ISN, ISN + 1))
    assert opening(harness, third, cookie)


def test_a_limit_that_is_monitored_lets_it_through(harness: Harness, like: bytes) -> None:
    harness.policy.profile(0).mode[REASON] = Mode.MONITOR
    cookie = answered(harness, syn(like)).tcp.seq
    assert [connect(harness, like, cookie) for _ in range(5)] == [True] * 5
    assert harness.stats.profile[0].count[REASON][Mode.MONITOR] == 2

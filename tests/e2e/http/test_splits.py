"""A bad request in segments as no kernel sends them: no origin ever has it complete.

What Linux makes of segments that overlap decides what an attack is; so each script is played first
on a port that is not inspected. There some of them arrive, or the test would show nothing.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from tests.e2e.http.split_scripts import (
    ATTACK,
    BEGIN,
    CHUNKED,
    END,
    GOOD,
    NAMED,
    NEVER,
    SEED,
    SHAPES,
    SIZE,
    cut,
    mixture,
    part,
)
from tests.support.http_peers.inspection import (
    HARMLESS,
    MARKER,
    ORIGINS,
    PROXIES,
    RECORDED,
    UNSEEN,
    policy,
    put,
)
from tests.support.http_peers.recorder import Recorder
from tests.support.http_peers.segments import ACK, PATIENT, PSH, URG, Flow, Script, Wire
from tests.support.instances.lab import Lab, assert_ledgers, run
from tests.support.waiting import wait_for

SOURCES = {"ipv4": "198.18.77.1", "ipv6": "2001:2::77:1"}
LAST = (1 << 32) - 1 - BEGIN
"""A first number with which the numbers wrap in the midst of the request."""
FAST_OPEN = "net.ipv4.tcp_fastopen"
TRIES = 40
TAKES_DATA_IN_SYN = 0x602
"""Each listener does, without a cookie."""


@pytest.fixture(params=ORIGINS)
def wire(lab: Lab, rule: str, request: pytest.FixtureRequest) -> Iterator[Wire]:
    made = Wire(lab, SOURCES[request.param], ORIGINS[request.param])
    yield made
    made.close()


@pytest.fixture(scope="module", autouse=True)
def network(lab: Lab) -> Iterator[None]:
    """The last router drops what has too few hops, and whoever listens has fast open."""
    rules = (
        "add table inet router; "
        "add chain inet router in { type filter hook prerouting priority -300; }; "
        f"add rule inet router in ip ttl <= {NEVER} drop; "
        f"add rule inet router in ip6 hoplimit <= {NEVER} drop"
    )
    done = run(*lab.enter("origin"), "nft", rules)
    assert done.returncode == 0, done.stderr
    before = run(*lab.enter("origin"), "sysctl", "-n", FAST_OPEN).stdout.strip()
    run(*lab.enter("origin"), "sysctl", "-qw", f"{FAST_OPEN}={TAKES_DATA_IN_SYN}")
    yield
    run(*lab.enter("origin"), "sysctl", "-qw", f"{FAST_OPEN}={before}")
    run(*lab.enter("origin"), "nft", "delete table inet router")


@pytest.fixture(params=PROXIES)
def proxy(lab: Lab, key: str, rule: str, request: pytest.FixtureRequest) -> Iterator[str]:
    put(lab, key, policy(syn=request.param))
    yield request.param
    put(lab, key, policy())


def stopped(origin: Recorder, wire: Wire, flows: list[Flow], attack: bytes) -> None:
    """No connection has the attack; what is there of one is short of its end."""
    for flow in flows:
        stream = bytes(origin.streams.get((wire.source, flow.port), b""))
        assert attack not in stream, flow.script
        assert attack not in origin.requests


def arrives(
    wire: Wire, origin: Recorder, script: Script, port: int = UNSEEN, in_syn: bytes = b""
) -> bool:
    """Whether the attack does, uninspected: a segment may be lost, so not only once."""
    for _ in range(TRIES):
        wire.play(port, [script], in_syn=in_syn)
        found = ATTACK in origin.requests
        origin.clear()
        if found:
            return True
    return False


@pytest.mark.parametrize("shape", SHAPES)
def test_however_it_is_split_it_is_refused_and_a_good_one_is_not(
    lab: Lab, proxy: str, wire: Wire, origin: Recorder, shape: str
):
    for attack in (ATTACK, CHUNKED):
        good = attack.replace(MARKER[:8], HARMLESS[:8])
        passed = wire.play(RECORDED, SHAPES[shape](good), repeats=PATIENT)
        assert [flow.script for flow in passed if b"200 OK" not in flow.received] == []
        bad = wire.play(RECORDED, SHAPES[shape](attack), repeats=PATIENT)
        silent = [flow.script for flow in bad if not flow.is_answered]
        stopped(origin, wire, bad, attack)
        assert silent == []
        assert not any(b"200 OK" in flow.received for flow in bad)
    assert_ledgers(lab.quiet_stats())


def test_numbers_that_wrap_change_nothing(lab: Lab, proxy: str, wire: Wire, origin: Recorder):
    for first in (LAST, LAST + 5, (1 << 32) - 1, (1 << 31) - BEGIN):
        passed = wire.play(RECORDED, [cut(GOOD, 12), cut(GOOD, 12)[::-1]], first, repeats=PATIENT)
        assert all(b"200 OK" in flow.received for flow in passed), hex(first)
        scripts = [cut(ATTACK, 12), cut(ATTACK, 12)[::-1]]
        bad = wire.play(RECORDED, scripts, first, repeats=PATIENT)
        stopped(origin, wire, bad, ATTACK)
        assert all(flow.is_answered for flow in bad), hex(first)


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_it_is_found_behind_a_body_that_is_passed_over_while_numbers_wrap(
    lab: Lab, key: str, wire: Wire, origin: Recorder, chunked: bool
):
    put(lab, key, policy("small", http={"ports": [RECORDED], "body_limit": 1000}))
    framing = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: 20000"
    body = b"4E20\r\n" + b"x" * 20_000 + b"\r\n0\r\n\r\n" if chunked else b"x" * 20_000
    post = b"POST /up HTTP/1.1\r\nHost: a\r\n" + framing + b"\r\n\r\n" + body
    for last in (GOOD, ATTACK):
        stream = post + last
        parts = cut(stream, *range(1400, len(stream), 1400))
        shuffled = parts[:2] + parts[:1:-1]  # what lies behind the limit comes backwards
        # The last request begins in the midst of a segment that carries on the body.
        flows = wire.play(
            RECORDED,
            [parts, shuffled],
            first=(1 << 32) - 10_000,
            repeats=PATIENT,
            is_done=lambda flow: flow.received.count(b"HTTP/1.1 ") == 2 or flow.is_reset,
        )
        assert len(flows) == 2
    put(lab, key, policy())
    assert origin.requests.count(GOOD) == 2
    assert ATTACK not in origin.requests
    assert not origin.holds(ATTACK)


@pytest.mark.parametrize("name", NAMED)
def test_what_a_host_would_keep_is_what_is_inspected(
    lab: Lab, wire: Wire, origin: Recorder, name: str
):
    script = NAMED[name]
    arrived = arrives(wire, origin, script)
    bad = wire.play(RECORDED, [script], repeats=1)
    stopped(origin, wire, bad, ATTACK)
    # The last one is an attack on no host, and must be none on the node.
    assert arrived == (name != "retransmitted bytes are others")


def test_an_urgent_byte_does_not_hide_it(lab: Lab, wire: Wire, origin: Recorder):
    """Hosts take it out of the stream: what is left of ``att?ack`` is the attack."""
    at = BEGIN + 3
    longer = ATTACK[:at] + b"?" + ATTACK[at:]
    script = [part(longer, 0, len(longer), flags=PSH | ACK | URG, urgent=at + 1)]
    assert arrives(wire, origin, script)
    stopped(origin, wire, wire.play(RECORDED, [script], repeats=1), ATTACK)


def test_data_in_a_syn_does_not_hide_it(lab: Lab, proxy: str, wire: Wire, origin: Recorder):
    rest = cut(ATTACK, END)[1:]
    if proxy == "off":
        assert arrives(wire, origin, rest, in_syn=ATTACK[:END])
    for in_syn, then in ((ATTACK[:END], rest), (ATTACK, []), (GOOD[:END], cut(ATTACK, END))):
        flows = wire.play(RECORDED, [then], in_syn=in_syn, repeats=1)
        stopped(origin, wire, flows, ATTACK)


@pytest.mark.parametrize("at", [32, 48])
def test_fragments_do_not_hide_it(lab: Lab, key: str, wire: Wire, origin: Recorder, at: int):
    """Those of IPv4 the lab's virtual ports put together before the node sees them."""
    script = [part(ATTACK, 0, SIZE, fragment_at=at)]
    put(lab, key, {"name": "not inspected"})
    assert arrives(wire, origin, script, RECORDED)
    put(lab, key, policy())
    stopped(origin, wire, wire.play(RECORDED, [script], repeats=1), ATTACK)


def test_a_port_that_was_blocked_can_be_used_again_at_once(
    lab: Lab, proxy: str, wire: Wire, origin: Recorder
):
    """The node still waits for the end of the connection that it has refused."""
    for round_ in range(3):
        wire.use_ports_again()
        first = 1000 + 1_000_000 * round_
        (bad,) = wire.play(RECORDED, [cut(ATTACK)], first, repeats=PATIENT)
        wire.use_ports_again()
        first = 500_000 + 1_000_000 * round_
        (good,) = wire.play(RECORDED, [cut(GOOD)], first, repeats=PATIENT)
        assert b"200 OK" in good.received, (round_, good)
        assert bad.is_answered
    assert not origin.holds(ATTACK)


@pytest.mark.parametrize("round_", range(2))
def test_no_mixture_of_good_and_bad_copies_arrives(
    lab: Lab, proxy: str, wire: Wire, origin: Recorder, round_: int
):
    seed = SEED + round_
    print(f"seed {seed}")
    choice = random.Random(seed)
    scripts = [mixture(choice) for _ in range(64)]

    def attacks() -> int:
        origin.clear()
        wire.play(UNSEEN, scripts)
        return origin.requests.count(ATTACK)

    wait_for(lambda: attacks() > 5, "some of the scripts are attacks")
    origin.clear()
    stopped(origin, wire, wire.play(RECORDED, scripts, repeats=1), ATTACK)
    assert_ledgers(lab.quiet_stats())

"""The SYN proxy, step by step: answers, cookies, opening, and what can go wrong."""

from __future__ import annotations

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether

from dataplane.base.settings import ConnectionCapacities, ConnectionTimeouts
from dataplane.native import abi
from dataplane.native.abi import Mode, Origin, Reason, SynProxy, Verdict
from dataplane.tables.syn_proxy_table import CookieSecrets
from tests.native.connections.connections_support import INSIDE, OUTSIDE
from tests.native.connections.syn.syn_proxy_support import (
    CLIENT_TIME,
    FRAMES,
    FULL,
    HOST,
    HOST_ISN,
    ISN,
    SLOT_MS,
    UTC_MS,
    answered,
    idle,
    learn,
    opening,
    proxying,
    segment,
    step,
    syn,
    times,
)
from tests.native.encapsulated import in_mpls, in_pppoe
from tests.native.harness import Harness

RECORD_BYTES = 32
"""Of a connection that goes through the proxy, beside its line."""

# --- answers --------------------------------------------------------------------------------------


def test_a_syn_is_answered_and_the_host_sees_nothing(
    harness: Harness, secrets: CookieSecrets, like: bytes
) -> None:
    answer = answered(harness, syn(like))
    sent, got = Ether(syn(like).data), Ether(answer.frame)
    assert (got.src, got.dst) == (sent.dst, sent.src)
    assert bytes(got)[12:14] == bytes(sent)[12:14]
    assert (got[TCP].sport, got[TCP].dport) == (80, 40000)
    assert answer.options == {"MSS": 1220}
    assert harness.stats.connections.active == 0
    origin = harness.stats.origin[Origin.ANSWER]
    port = harness.stats.port[OUTSIDE]
    assert (origin.originated, port.consumed, port.received) == (1, 1, 1)


def test_of_a_host_that_nobody_knows_one_syn_a_second_finds_out(
    harness: Harness, secrets: CookieSecrets, like: bytes
) -> None:
    asks = syn(like, FULL)
    assert step(harness, syn(like, FULL[:3]))[0].port is OUTSIDE  # does not ask for everything
    assert step(harness, asks)[0].frame == asks.data
    assert step(harness, asks)[0].port is OUTSIDE
    harness.time.boot_ds += 9
    assert step(harness, asks)[0].port is OUTSIDE
    harness.time.boot_ds += 1
    assert step(harness, asks)[0].frame == asks.data
    step(harness, segment(like, INSIDE, "SA", HOST_ISN, ISN + 1, options=HOST))
    harness.time.boot_ds += 10
    assert answered(harness, asks).options["WScale"] == 9


def test_an_answer_offers_what_the_host_was_seen_to_have(
    harness: Harness, secrets: CookieSecrets, like: bytes
) -> None:
    learn(harness, like)
    options = answered(harness, syn(like, FULL)).options
    assert options["MSS"] == 1400
    assert options["WScale"] == 9
    assert options["SAckOK"] == b""
    assert options["Timestamp"][1] == CLIENT_TIME


def test_syns_of_one_burst_are_answered_for_the_host_that_each_is_for(
    harness: Harness, secrets: CookieSecrets, like: bytes
) -> None:
    other = Ether(like)
    ip = other[IP] if IP in other else other[IPv6]
    ip.dst = "198.51.100.11" if IP in other else "2001:db8:5::11"
    hosts = [like, bytes(other)]
    for host, mss in zip(hosts, (1400, 1300), strict=True):
        learn(harness, host, options=[("MSS", mss)])
    seen = step(harness, *(syn(host) for host in hosts * 6))
    assert [answer.options["MSS"] for answer in seen] == [1400, 1300] * 6
    assert [answer.frame for answer in seen[:2]] * 6 == [answer.frame for answer in seen]


@pytest.mark.parametrize("left_out", ["MSS", "SAckOK", "Timestamp", "WScale"])
def test_an_answer_offers_nothing_that_the_client_has_not(
    harness: Harness, secrets: CookieSecrets, like: bytes, left_out: str
) -> None:
    learn(harness, like)
    offered = [option for option in FULL if option[0] != left_out]
    options = answered(harness, syn(like, offered)).options
    expected = {"MSS", "SAckOK", "Timestamp", "WScale"} - {left_out}
    if left_out == "Timestamp":  # nothing else can be remembered without
        expected = {"MSS"}
    assert {name for name in options if name not in {"NOP", "EOL"}} == expected


def test_a_syn_without_options_fits_its_answer(
    harness: Harness, secrets: CookieSecrets, like: bytes
) -> None:
    assert answered(harness, syn(like, [])).options == {}


def test_another_secret_or_time_makes_another_cookie(
    harness: Harness, secrets: CookieSecrets, like: bytes
) -> None:
    cookies = [answered(harness, syn(like)).tcp.seq for _ in range(2)]
    assert len(set(cookies)) == 1
    secrets.update(UTC_MS + SLOT_MS)
    cookies.append(answered(harness, syn(like)).tcp.seq)
    assert len(set(cookies)) == 2


# --- cookies --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("later", "is_good"), [(0, True), (1, True), (2, False), (3, False)])
def test_a_cookie_is_good_for_its_slot_and_the_next(
    harness: Harness, secrets: CookieSecrets, like: bytes, later: int, *, is_good: bool
) -> None:
    cookie = answered(harness, syn(like)).tcp.seq
    secrets.update(UTC_MS + later * SLOT_MS)
    assert bool(opening(harness, like, cookie)) is is_good


def test_a_cookie_outlives_the_change_of_secrets(
    harness: Harness, secrets: CookieSecrets, like: bytes
) -> None:
    epoch_ms = SLOT_MS * abi.COOKIE_EPOCH
    for slot in range(abi.COOKIE_EPOCH):
        secrets.update(UTC_MS // epoch_ms * epoch_ms + slot * SLOT_MS)
    cookie = answered(harness, syn(like)).tcp.seq
    secrets.update((UTC_MS // epoch_ms + 1) * epoch_ms)
    assert opening(harness, like, cookie)[0].flags == "S"


@pytest.mark.parametrize("off_by", [1, -1, 8, 16, 1 << 31])
def test_a_forged_cookie_is_no_connection(
    harness: Harness, secrets: CookieSecrets, like: bytes, off_by: int
) -> None:
    cookie = answered(harness, syn(like)).tcp.seq
    assert opening(harness, like, cookie + off_by) == []
    assert harness.stats.port[OUTSIDE].dropped[Reason.SYN_PROXY_NO_COOKIE] == 1
    assert harness.stats.connections.active == 0


@pytest.mark.parametrize("mode", Mode)
def test_what_brings_no_cookie_is_dropped_for_a_reason_of_its_own_and_sampled(
    harness: Harness, secrets: CookieSecrets, like: bytes, mode: Mode
) -> None:
    """Whatever becomes of packets out of state: that mode is kept where it applies."""
    harness.set_mode(Reason.OUT_OF_STATE, mode)
    harness.time.boot_ds += 1
    assert step(harness, segment(like, OUTSIDE, "A", ISN + 1, 77)) == []
    assert harness.stats.port[OUTSIDE].dropped[Reason.SYN_PROXY_NO_COOKIE] == 1
    assert harness.lcore.sample_ds[Reason.SYN_PROXY_NO_COOKIE] == harness.time.boot_ds
    assert sum(harness.stats.profile[0].count[Reason.OUT_OF_STATE]) == 0


def test_a_cookie_is_its_client_s_alone(
    harness: Harness, secrets: CookieSecrets, like: bytes
) -> None:
    cookie = answered(harness, syn(like)).tcp.seq
    other = Ether(like)
    other[TCP].sport = 40001
    assert opening(harness, bytes(other), cookie) == []
    assert step(harness, segment(like, OUTSIDE, "A", ISN + 2, cookie + 1)) == []


def test_a_node_with_the_same_secret_takes_it(
    library: object, secrets: CookieSecrets, harness: Harness, like: bytes
) -> None:
    cookie = answered(harness, syn(like)).tcp.seq
    with Harness(harness.library) as other, proxying(other):
        assert opening(other, like, cookie)[0].flags == "S"
    with Harness(harness.library) as stranger, proxying(stranger, secret=b"another secret of ours"):
        assert opening(stranger, like, cookie) == []


def test_who_was_answered_may_come_back_after_it_was_switched_off(
    harness: Harness, secrets: CookieSecrets, like: bytes
) -> None:
    cookie = answered(harness, syn(like)).tcp.seq
    harness.policy.profile(0).syn_proxy = SynProxy.OFF
    assert opening(harness, like, cookie)[0].flags == "S"


# --- opening --------------------------------------------------------------------------------------


def test_the_host_gets_the_client_s_own_syn(
    harness: Harness, secrets: CookieSecrets, like: bytes
) -> None:
    learn(harness, like)
    answer = answered(harness, syn(like, FULL))
    told = answer.options["Timestamp"][0]
    (got,) = opening(harness, like, answer.tcp.seq, window=100, options=times(CLIENT_TIME, told))
    assert (got.port, got.tcp.seq, got.tcp.window) == (INSIDE, ISN, 100 << 7)
    assert got.options["MSS"] == 1460
    assert got.options["WScale"] == 7
    assert got.options["SAckOK"] == b""
    assert got.options["Timestamp"] == (CLIENT_TIME, 0)
    stats = harness.stats
    assert (stats.connections.opening, stats.connections.proven) == (1, 1)
    assert stats.port[OUTSIDE].held_now == 1
    assert stats.origin[Origin.OPEN].originated == 1


def test_what_a_client_sends_early_waits_for_the_host(
    harness: Harness, secrets: CookieSecrets, like: bytes
) -> None:
    cookie = answered(harness, syn(like, [])).tcp.seq
    pieces = [b"one", b"two!", b"three"]
    sent, at = [], ISN + 1
    for piece in pieces:
        sent.append(segment(like, OUTSIDE, "PA", at, cookie + 1, piece))
        at += len(piece)
    assert [one.flags for one in step(harness, *sent)] == ["S"]
    assert harness.stats.port[OUTSIDE].held_now == 3
    got = step(harness, segment(like, INSIDE, "SA", HOST_ISN, ISN + 1))
    assert [bytes(one.tcp.payload) for one in got] == pieces
    assert {one.tcp.ack for one in got} == {(HOST_ISN + 1) % (1 << 32)}
    assert harness.stats.port[OUTSIDE].held_now == 0


@pytest.mark.parametrize("end", ["R", "FA"])
def test_a_proxied_connection_is_counted_until_it_is_over(
    harness: Harness, secrets: CookieSecrets, like: bytes, end: str
) -> None:
    cookie = answered(harness, syn(like, [])).tcp.seq
    opening(harness, like, cookie)
    assert harness.stats.connections.proxied == 0
    step(harness, segment(like, INSIDE, "SA", HOST_ISN, ISN + 1))
    assert harness.stats.connections.proxied == 1
    step(harness, segment(like, OUTSIDE, end, ISN + 1, cookie + 1))
    if end == "FA":
        assert harness.stats.connections.proxied == 1
        step(harness, segment(like, INSIDE, "FA", HOST_ISN + 1, ISN + 2))
        step(harness, segment(like, OUTSIDE, "A", ISN + 2, cookie + 2))
    assert harness.stats.connections.proxied == 0


def test_more_than_four_are_not_held(harness: Harness, secrets: CookieSecrets, like: bytes) -> None:
    cookie = answered(harness, syn(like, [])).tcp.seq
    for i in range(6):
        step(harness, segment(like, OUTSIDE, "PA", ISN + 1 + i, cookie + 1, b"x"))
    assert harness.stats.port[OUTSIDE].held_now == abi.HELD_MAX
    assert harness.stats.port[OUTSIDE].dropped[Reason.SYN_PROXY_FULL] == 2


def test_a_repeated_syn_or_acknowledgment_changes_nothing(
    harness: Harness, secrets: CookieSecrets, like: bytes
) -> None:
    cookie = answered(harness, syn(like, [])).tcp.seq
    assert len(opening(harness, like, cookie)) == 1
    assert answered(harness, syn(like, [])).tcp.seq == cookie
    assert opening(harness, like, cookie) == []
    assert harness.stats.connections.accepted == 1
    assert len(step(harness, segment(like, INSIDE, "SA", HOST_ISN, ISN + 1))) == 1


def test_a_host_that_refuses_resets_the_client(
    harness: Harness, secrets: CookieSecrets, like: bytes
) -> None:
    cookie = answered(harness, syn(like, [])).tcp.seq
    step(harness, segment(like, OUTSIDE, "PA", ISN + 1, cookie + 1, b"early"))
    (reset,) = step(harness, segment(like, INSIDE, "RA", 0, ISN + 1))
    assert (reset.port, reset.flags, reset.tcp.seq) == (OUTSIDE, "R", (cookie + 1) % (1 << 32))
    stats = harness.stats
    assert (stats.connections.active, stats.connections.failed) == (0, 1)
    assert (stats.port[OUTSIDE].held_now, stats.port[OUTSIDE].consumed) == (0, 2)


def test_a_silent_host_is_asked_again_and_then_given_up(
    harness: Harness, secrets: CookieSecrets, like: bytes
) -> None:
    cookie = answered(harness, syn(like, [])).tcp.seq
    opening(harness, like, cookie)
    seen = []
    for ds in range(1, 400):
        harness.time.boot_ds += 1
        seen += [(ds, one.port, one.flags) for one in idle(harness)]
    assert seen == [*((ds, INSIDE, "S") for ds in (10, 30, 70, 150)), (310, OUTSIDE, "R")]
    assert harness.stats.origin[Origin.RETRY].originated == 4
    assert harness.stats.origin[Origin.RESET].originated == 1
    assert harness.stats.connections.active == 0


def test_a_client_that_gives_up_is_forgotten(
    harness: Harness, secrets: CookieSecrets, like: bytes
) -> None:
    cookie = answered(harness, syn(like, [])).tcp.seq
    opening(harness, like, cookie)
    assert step(harness, segment(like, OUTSIDE, "R", ISN + 1 + (1 << 20))) == []
    assert harness.stats.connections.active == 1
    assert step(harness, segment(like, OUTSIDE, "R", ISN + 1)) == []
    assert harness.stats.connections.active == 0


def test_a_host_with_another_connection_between_the_ports_is_made_to_forget_it(
    harness: Harness, secrets: CookieSecrets, like: bytes
) -> None:
    cookie = answered(harness, syn(like, [])).tcp.seq
    opening(harness, like, cookie)
    (reset,) = step(harness, segment(like, INSIDE, "A", 77, 4711))
    assert (reset.port, reset.flags, reset.tcp.seq) == (INSIDE, "R", 4711)


def test_a_host_without_promised_timestamps_ends_it_and_is_remembered(
    harness: Harness, secrets: CookieSecrets, like: bytes
) -> None:
    learn(harness, like)
    answer = answered(harness, syn(like, FULL))
    told = answer.options["Timestamp"][0]
    opening(harness, like, answer.tcp.seq, options=times(CLIENT_TIME, told))
    resets = step(harness, segment(like, INSIDE, "SA", HOST_ISN, ISN + 1, options=[("MSS", 1400)]))
    assert sorted((one.port, one.flags) for one in resets) == [(OUTSIDE, "R"), (INSIDE, "R")]
    assert "Timestamp" not in answered(harness, syn(like, FULL)).options


def test_records_of_connections_that_ended_are_used_again(harness: Harness) -> None:
    """More of them one after the other than one page of records has room for."""
    count = abi.PAGE // RECORD_BYTES + 8
    with proxying(harness, connections=ConnectionCapacities(connections_max=4)):
        for number in range(count):
            frame = FRAMES["ipv4"].copy()
            frame[TCP].sport = number + 1
            like, isn = bytes(frame), HOST_ISN + number
            cookie = answered(harness, syn(like, [])).tcp.seq
            assert len(opening(harness, like, cookie)) == 1
            (last,) = step(harness, segment(like, INSIDE, "SA", isn, ISN + 1))
            assert last.tcp.ack == (isn + 1) % (1 << 32)
            step(harness, segment(like, INSIDE, "RA", isn + 1, ISN + 1))
            harness.time.boot_ds += 10 * ConnectionTimeouts().reset + 1
    stats = harness.stats.connections
    assert (stats.accepted, stats.failed, stats.untracked) == (count, 0, 0)


def test_a_syn_inside_an_encapsulation_is_not_answered(harness: Harness) -> None:
    """The answer could not be put there: the SYN goes on, and no connection is opened for it."""
    bare = bytes(FRAMES["ipv4"])
    with proxying(harness):
        for data in (in_mpls(bare), in_pppoe(bare)):
            packet = harness.run_one(data)
            assert (packet.verdict, harness.bytes_of(packet)) == (Verdict.PASS, data)
            assert harness.sent() == ([], [])
        assert harness.stats.connections.opened == 0

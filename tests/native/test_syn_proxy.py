"""The SYN proxy, step by step: answers, cookies, opening, translation, and what can go wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from scapy.layers.inet import ICMP, IP, TCP
from scapy.layers.inet6 import ICMPv6PacketTooBig, IPv6
from scapy.layers.l2 import Dot1Q, Ether

from dataplane import abi
from dataplane.abi import Origin, Port, Reason, SynProxy
from dataplane.events import Event, Notice, decode_event
from dataplane.ring import Consumer
from dataplane.settings import SynProxyCapacities
from dataplane.syn_proxy_table import CookieSecrets
from tests.native.harness import Frame, Harness
from tests.native.syn_proxy_support import (
    SLOT_MS,
    UTC_MS,
    Seen,
    idle,
    number,
    proxying,
    segment,
    step,
)

OUTSIDE, INSIDE = Port.OUTSIDE, Port.INSIDE
ETHER = Ether(dst="02:00:00:00:00:02", src="02:00:00:00:00:01")
PORTS = TCP(sport=40000, dport=80)
FRAMES = {
    "ipv4": ETHER / IP(src="203.0.113.7", dst="198.51.100.10") / PORTS,
    "ipv6": ETHER / IPv6(src="2001:db8::7", dst="2001:db8:5::10") / PORTS,
    "vlan": ETHER / Dot1Q(vlan=7) / IP(src="203.0.113.7", dst="198.51.100.10") / PORTS,
    "qinq": ETHER
    / Dot1Q(vlan=2)
    / Dot1Q(vlan=7)
    / IPv6(src="2001:db8::7", dst="2001:db8:5::10")
    / PORTS,
}
ISN, HOST_ISN = 1000, 0xFFFF_FF00
CLIENT_TIME, HOST_TIME = 5_000, 0x8000_0000
FULL = [
    ("MSS", 1460),
    ("SAckOK", b""),
    ("Timestamp", (CLIENT_TIME, 0)),
    ("NOP", None),
    ("WScale", 7),
]
BARE = [("MSS", 1460)]
HOST = [("MSS", 1400), ("SAckOK", b""), ("Timestamp", (HOST_TIME, CLIENT_TIME)), ("WScale", 9)]


@pytest.fixture(params=FRAMES)
def like(request: pytest.FixtureRequest) -> bytes:
    return bytes(FRAMES[request.param])


@pytest.fixture
def secrets(harness: Harness) -> Iterator[CookieSecrets]:
    with proxying(harness) as found:
        yield found


@dataclass
class Open:
    """A connection through the proxy: what both sides count from."""

    cookie: int
    time: int = 0
    """What the client has last been told."""


def syn(like: bytes, options: list[object] | None = None) -> Frame:
    return segment(like, OUTSIDE, "S", ISN, options=BARE if options is None else options)


def answered(node: Harness, frame: Frame) -> Seen:
    (answer,) = step(node, frame)
    assert (answer.port, answer.flags) == (OUTSIDE, "SA")
    assert answer.tcp.ack == ISN + 1
    return answer


def learn(node: Harness, like: bytes, options: list[object] | None = None) -> None:
    """A connection from before the proxy was switched on: the host shows what it can."""
    node.policy.profile(0).syn_proxy = SynProxy.OFF
    other = Ether(like)
    other[TCP].sport = 9
    other = bytes(other)
    step(node, segment(other, OUTSIDE, "S", 1, options=FULL))
    step(node, segment(other, INSIDE, "SA", 1, 2, options=HOST if options is None else options))
    step(node, segment(other, OUTSIDE, "R", 2))
    node.policy.profile(0).syn_proxy = SynProxy.ALWAYS


def times(value: int, echo: int) -> list[object]:
    return [("NOP", None), ("NOP", None), ("Timestamp", (value % (1 << 32), echo % (1 << 32)))]


def opened(node: Harness, like: bytes) -> Open:
    """To the end of the handshake with the host, all options agreed on."""
    learn(node, like)
    answer = answered(node, syn(like, FULL))
    cookie, told = answer.tcp.seq, answer.options["Timestamp"][0]
    back = segment(like, OUTSIDE, "A", ISN + 1, cookie + 1, options=times(CLIENT_TIME + 9, told))
    (opening,) = step(node, back)
    assert (opening.port, opening.flags, opening.tcp.seq) == (INSIDE, "S", ISN)
    (last,) = step(node, segment(like, INSIDE, "SA", HOST_ISN, ISN + 1, options=HOST))
    assert (last.port, last.flags) == (INSIDE, "A")
    assert (last.tcp.seq, last.tcp.ack) == (ISN + 1, HOST_ISN + 1)
    assert last.options["Timestamp"] == (CLIENT_TIME + 9, HOST_TIME)
    return Open(cookie, told)


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


def opening(node: Harness, like: bytes, cookie: int, **fields: object) -> list[Seen]:
    return step(node, segment(like, OUTSIDE, "A", ISN + 1, cookie + 1, **fields))


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
    assert harness.stats.port[OUTSIDE].dropped[Reason.OUT_OF_STATE] == 1
    assert harness.stats.connections.active == 0


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


def test_more_than_four_are_not_held(harness: Harness, secrets: CookieSecrets, like: bytes) -> None:
    cookie = answered(harness, syn(like, [])).tcp.seq
    for i in range(6):
        step(harness, segment(like, OUTSIDE, "PA", ISN + 1 + i, cookie + 1, b"x"))
    assert harness.stats.port[OUTSIDE].held_now == abi.HELD_MAX
    assert harness.stats.port[OUTSIDE].dropped[Reason.SYN_PROXY_FULL] == 2


def test_no_more_are_opened_than_there_is_room_for(harness: Harness, like: bytes) -> None:
    with proxying(harness, SynProxyCapacities(openings_max=2, held_max=8)):
        for port in (1, 2, 3):
            other = Ether(like)
            other[TCP].sport = port
            cookie = answered(harness, syn(bytes(other), [])).tcp.seq
            assert len(opening(harness, bytes(other), cookie)) == (port < 3)
        assert harness.stats.port[OUTSIDE].dropped[Reason.SYN_PROXY_FULL] == 1


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
    for ds in range(1, 80):
        harness.time.boot_ds += 1
        seen += [(ds, one.port, one.flags) for one in idle(harness)]
    assert seen == [(10, INSIDE, "S"), (30, INSIDE, "S"), (70, OUTSIDE, "R")]
    assert harness.stats.origin[Origin.RETRY].originated == 2
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


# --- translation ----------------------------------------------------------------------------------


def test_both_worlds_count_in_their_own_numbers(
    harness: Harness, secrets: CookieSecrets, like: bytes
) -> None:
    connection = opened(harness, like)
    told = times(HOST_TIME + 50, CLIENT_TIME + 9)
    hosts = segment(like, INSIDE, "PA", HOST_ISN + 1, ISN + 1, b"hello", options=told, window=500)
    (got,) = step(harness, hosts)
    assert (got.port, got.tcp.seq, got.tcp.ack) == (OUTSIDE, connection.cookie + 1, ISN + 1)
    assert got.tcp.window == 500
    value, echo = got.options["Timestamp"]
    assert echo == CLIENT_TIME + 9
    assert value == connection.time + 50

    mine = times(CLIENT_TIME + 20, value)
    (got,) = step(
        harness,
        segment(like, OUTSIDE, "PA", ISN + 1, connection.cookie + 6, b"world!", options=mine),
    )
    assert (got.port, got.tcp.seq) == (INSIDE, ISN + 1)
    assert got.tcp.ack == (HOST_ISN + 6) % (1 << 32)
    assert got.options["Timestamp"] == (CLIENT_TIME + 20, HOST_TIME + 50)


def test_sack_blocks_of_the_client_are_translated_at_any_offset(
    harness: Harness, secrets: CookieSecrets, like: bytes
) -> None:
    connection = opened(harness, like)
    step(harness, segment(like, INSIDE, "A", HOST_ISN + 1, ISN + 1, bytes(1000)))
    first = connection.cookie + 1
    edges = tuple((first + at) % (1 << 32) for at in (100, 200, 300, 400))
    for padding in ([], [("NOP", None)], [("NOP", None)] * 2, [("NOP", None)] * 3):
        options = [*padding, ("SAck", edges)]
        (got,) = step(harness, segment(like, OUTSIDE, "A", ISN + 1, first, options=options))
        host = tuple((HOST_ISN + 1 + at) % (1 << 32) for at in (100, 200, 300, 400))
        assert got.options["SAck"] == host


def test_windows_are_scaled_as_the_client_was_told(
    harness: Harness, secrets: CookieSecrets, like: bytes
) -> None:
    """The host agrees on another scale than it has shown before."""
    learn(harness, like)
    answer = answered(harness, syn(like, FULL))
    told = answer.options["Timestamp"][0]
    opening(harness, like, answer.tcp.seq, options=times(CLIENT_TIME, told))
    other = [*HOST[:-1], ("WScale", 3)]
    step(harness, segment(like, INSIDE, "SA", HOST_ISN, ISN + 1, options=other))
    (got,) = step(harness, segment(like, INSIDE, "A", HOST_ISN + 1, ISN + 1, window=6400))
    assert got.tcp.window == 6400 << 3 >> 9


def test_without_scaling_a_great_window_is_cut(
    harness: Harness, secrets: CookieSecrets, like: bytes
) -> None:
    cookie = answered(harness, syn(like, [("MSS", 1460)])).tcp.seq
    (got,) = opening(harness, like, cookie)
    assert set(got.options) <= {"MSS"}
    step(harness, segment(like, INSIDE, "SA", HOST_ISN, ISN + 1, options=[("MSS", 1400)]))
    (got,) = step(harness, segment(like, INSIDE, "A", HOST_ISN + 1, ISN + 1, window=65535))
    assert got.tcp.window == 65535


def test_it_ends_as_any_connection_does(
    harness: Harness, secrets: CookieSecrets, like: bytes
) -> None:
    connection = opened(harness, like)
    first = connection.cookie + 1
    for frame, flags in (
        (segment(like, OUTSIDE, "FA", ISN + 1, first), "FA"),
        (segment(like, INSIDE, "PA", HOST_ISN + 1, ISN + 2, b"rest"), "PA"),
        (segment(like, INSIDE, "FA", HOST_ISN + 5, ISN + 2), "FA"),
        (segment(like, OUTSIDE, "A", ISN + 2, first + 5), "A"),
    ):
        assert [one.flags for one in step(harness, frame)] == [flags]
    assert answered(harness, syn(like, FULL)).tcp.seq


def test_resets_cross_in_both_directions(
    harness: Harness, secrets: CookieSecrets, like: bytes
) -> None:
    connection = opened(harness, like)
    (got,) = step(harness, segment(like, INSIDE, "R", HOST_ISN + 1))
    assert (got.flags, got.tcp.seq) == ("R", (connection.cookie + 1) % (1 << 32))


def test_a_client_s_window_is_checked_in_the_host_s_numbers(
    harness: Harness, secrets: CookieSecrets, like: bytes
) -> None:
    connection = opened(harness, like)
    assert step(harness, segment(like, OUTSIDE, "A", ISN + 1, connection.cookie + 2)) == []
    assert harness.stats.port[OUTSIDE].dropped[Reason.OUT_OF_WINDOW] == 1


def test_connections_from_before_go_on_untouched(
    harness: Harness, secrets: CookieSecrets, like: bytes
) -> None:
    harness.policy.profile(0).syn_proxy = SynProxy.OFF
    for frame in (
        segment(like, OUTSIDE, "S", ISN),
        segment(like, INSIDE, "SA", HOST_ISN, ISN + 1),
        segment(like, OUTSIDE, "A", ISN + 1, HOST_ISN + 1),
    ):
        assert step(harness, frame)[0].frame == frame.data
    harness.policy.profile(0).syn_proxy = SynProxy.ALWAYS
    data = segment(like, OUTSIDE, "PA", ISN + 1, HOST_ISN + 1, b"hello")
    assert step(harness, data)[0].frame == data.data


def test_translated_connections_survive_switching_off(
    harness: Harness, secrets: CookieSecrets, like: bytes
) -> None:
    connection = opened(harness, like)
    harness.policy.profile(0).syn_proxy = SynProxy.OFF
    (got,) = step(harness, segment(like, INSIDE, "PA", HOST_ISN + 1, ISN + 1, b"on"))
    assert got.tcp.seq == connection.cookie + 1


def test_in_the_time_of_learning_an_old_connection_is_picked_up(
    harness: Harness, secrets: CookieSecrets, like: bytes
) -> None:
    harness.node.learning_until_ds = harness.time.boot_ds + 10
    old = segment(like, OUTSIDE, "PA", 123, 456, b"old")
    assert step(harness, old)[0].frame == old.data
    harness.time.boot_ds += 10
    other = Ether(like)
    other[TCP].sport = 40001
    assert step(harness, segment(bytes(other), OUTSIDE, "PA", 123, 456, b"forged")) == []
    answer = segment(like, INSIDE, "A", 456, 126)
    assert step(harness, answer)[0].frame == answer.data


# --- ICMP errors ----------------------------------------------------------------------------------


def error(like: bytes, sender: Port, quoted: Frame, *, size: int = 8) -> Frame:
    """ "Too big", about a segment that was sent the other way."""
    made = Ether(like).copy()
    is_ipv4 = IP in made
    ip = made[IP] if is_ipv4 else made[IPv6]
    if sender is INSIDE:
        ip.src, ip.dst = ip.dst, ip.src
    inner = bytes(Ether(quoted.data)[IP if is_ipv4 else IPv6])
    inner = inner[: (20 if is_ipv4 else 40) + size]
    ip.remove_payload()
    for name in ("len", "plen", "chksum", "proto", "nh"):
        if name in ip.fields:
            delattr(ip, name)
    kind = ICMP(type=3, code=4, nexthopmtu=1400) if is_ipv4 else ICMPv6PacketTooBig(mtu=1400)
    ip.add_payload(kind / inner)
    return Frame(bytes(made), sender)


def quoted_tcp(frame: bytes) -> bytes:
    parsed = Ether(frame)
    if IP in parsed:
        return bytes(parsed[ICMP].payload)[20:]
    return bytes(parsed[ICMPv6PacketTooBig].payload)[40:]


def assert_icmp_checksum(frame: bytes) -> None:
    parsed = Ether(frame)
    layer = ICMP if IP in parsed else ICMPv6PacketTooBig
    name = "chksum" if IP in parsed else "cksum"
    made = parsed.copy()
    delattr(made[layer], name)
    assert getattr(Ether(bytes(made))[layer], name) == getattr(parsed[layer], name)


@pytest.mark.parametrize("size", [8, 12, 20])
def test_an_error_about_the_host_s_segment_quotes_its_own_number(
    harness: Harness, secrets: CookieSecrets, like: bytes, size: int
) -> None:
    connection = opened(harness, like)
    seen = segment(like, INSIDE, "PA", connection.cookie + 1, ISN + 1, b"big")
    (got,) = step(harness, error(like, OUTSIDE, seen, size=size))
    assert got.port is INSIDE
    assert quoted_tcp(got.frame)[4:8] == number(HOST_ISN + 1)
    assert_icmp_checksum(got.frame)


@pytest.mark.parametrize(("size", "is_read"), [(8, False), (11, False), (12, True), (20, True)])
def test_an_error_about_the_client_s_segment_quotes_what_it_has_acknowledged(
    harness: Harness, secrets: CookieSecrets, like: bytes, size: int, *, is_read: bool
) -> None:
    connection = opened(harness, like)
    seen = segment(like, OUTSIDE, "PA", ISN + 1, HOST_ISN + 1, b"big")
    sent = error(like, INSIDE, seen, size=size)
    (got,) = step(harness, sent)
    assert got.port is OUTSIDE
    if is_read:
        assert quoted_tcp(got.frame)[8:12] == number(connection.cookie + 1)
        assert_icmp_checksum(got.frame)
    elif IP in Ether(like) or size <= len(quoted_tcp(sent.data)):
        assert quoted_tcp(got.frame)[:size] == quoted_tcp(sent.data)[:size]


# --- auto -----------------------------------------------------------------------------------------


def automatic(node: Harness, rate: int = 200) -> None:
    profile = node.policy.profile(0)
    profile.syn_proxy, profile.syn_rate = SynProxy.AUTO, rate


def flood(node: Harness, like: bytes, count: int) -> int:
    """SYNs of so many clients; how many were answered by the node."""
    answered_count = 0
    for number_ in range(count):
        made = Ether(like)
        made[TCP].sport = 1000 + number_
        (got,) = step(node, syn(bytes(made), []))
        answered_count += got.port is OUTSIDE
    return answered_count


def test_auto_is_off_until_there_are_too_many_syns_a_second(
    harness: Harness, secrets: CookieSecrets, like: bytes
) -> None:
    automatic(harness)
    assert flood(harness, like, 200) == 0
    assert flood(harness, like, 100) == 100


def test_auto_switches_on_where_most_are_never_answered(
    harness: Harness, secrets: CookieSecrets, like: bytes
) -> None:
    automatic(harness, rate=100_000)
    assert flood(harness, like, 150) == 0
    harness.time.boot_ds += 10
    assert flood(harness, like, 1) == 1


def test_auto_stays_off_where_they_are_answered(
    harness: Harness, secrets: CookieSecrets, like: bytes
) -> None:
    automatic(harness, rate=100_000)
    for number_ in range(120):
        made = Ether(like)
        made[TCP].sport = 1000 + number_
        one = bytes(made)
        step(harness, syn(one, []))
        step(harness, segment(one, INSIDE, "SA", HOST_ISN, ISN + 1))
        step(harness, segment(one, OUTSIDE, "A", ISN + 1, HOST_ISN + 1))
    harness.time.boot_ds += 10
    assert flood(harness, like, 1) == 0


def test_auto_goes_off_half_a_minute_after_the_attack_and_says_both(
    harness: Harness, secrets: CookieSecrets, like: bytes
) -> None:
    automatic(harness)
    harness.listen()
    flood(harness, like, 250)
    harness.time.boot_ds += abi.SYN_PROXY_HOLD_DS - 1
    assert flood(harness, like, 1) == 1
    harness.time.boot_ds += 1
    assert flood(harness, like, 1) == 0
    for _ in range(1024):
        idle(harness)
    notices = [one for one in events(harness) if isinstance(one, Notice)]
    address = str(Ether(like)[IP if IP in Ether(like) else IPv6].dst)
    kinds = [(one.kind, one.address) for one in notices]
    assert kinds == [("syn_proxy_on", address), ("syn_proxy_off", address)]
    assert notices[0].value == 201


def test_an_attack_that_goes_on_keeps_it_on(
    harness: Harness, secrets: CookieSecrets, like: bytes
) -> None:
    automatic(harness)
    flood(harness, like, 250)
    for _ in range(60):
        harness.time.boot_ds += 10
        assert flood(harness, like, 110) == 110


def test_auto_is_about_one_destination(
    harness: Harness, secrets: CookieSecrets, like: bytes
) -> None:
    automatic(harness)
    flood(harness, like, 250)
    other = Ether(like)
    ip = other[IP if IP in other else IPv6]
    ip.dst = "198.51.100.11" if IP in other else "2001:db8:5::11"
    assert flood(harness, bytes(other), 1) == 0


def events(harness: Harness) -> list[Event | None]:
    with Consumer(harness.library, *harness.events) as consumer:
        return [decode_event(one) for one in iter(consumer.pop, None)]

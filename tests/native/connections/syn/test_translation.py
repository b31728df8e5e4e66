"""Connections through the SYN proxy, whose two ends count otherwise: what is translated."""

from __future__ import annotations

import pytest
from scapy.layers.inet import ICMP, IP, TCP
from scapy.layers.inet6 import ICMPv6PacketTooBig, IPv6
from scapy.layers.l2 import Dot1Q, Ether

from dataplane.native.abi import Port, Reason, SynProxy
from dataplane.tables.syn_proxy_table import CookieSecrets
from tests.native.connections.connections_support import INSIDE, OUTSIDE
from tests.native.connections.syn.syn_proxy_support import (
    CLIENT_TIME,
    FRAMES,
    FULL,
    HOST,
    HOST_ISN,
    HOST_TIME,
    ISN,
    answered,
    learn,
    number,
    opened,
    opening,
    segment,
    step,
    syn,
    times,
)
from tests.native.harness import Frame, Harness

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


def test_a_window_of_nothing_stays_nothing_and_a_probe_is_answered(
    harness: Harness, secrets: CookieSecrets, like: bytes
) -> None:
    """RFC 9293, section 3.8.6.1: the probe lies before what the host has yet to take."""
    connection = opened(harness, like)
    first = connection.cookie + 1
    (got,) = step(harness, segment(like, INSIDE, "A", HOST_ISN + 1, ISN + 1, window=0))
    assert (got.port, got.tcp.window) == (OUTSIDE, 0)
    (probe,) = step(harness, segment(like, OUTSIDE, "A", ISN + 1, first, b"p"))
    assert (probe.port, probe.tcp.ack) == (INSIDE, (HOST_ISN + 1) % (1 << 32))
    (got,) = step(harness, segment(like, INSIDE, "A", HOST_ISN + 1, ISN + 1, window=0))
    assert (got.tcp.seq, got.tcp.window) == (first % (1 << 32), 0)
    (got,) = step(harness, segment(like, INSIDE, "A", HOST_ISN + 1, ISN + 2, window=500))
    assert got.tcp.window == 500


@pytest.mark.parametrize("payload", [b"", b"x"])
def test_keep_alives_of_either_side_are_answered(
    harness: Harness, secrets: CookieSecrets, like: bytes, payload: bytes
) -> None:
    """RFC 9293, section 3.8.4: one before what comes next, with a byte or none."""
    connection = opened(harness, like)
    first = connection.cookie + 1
    (got,) = step(harness, segment(like, INSIDE, "A", HOST_ISN, ISN + 1, payload))
    assert (got.port, got.tcp.seq) == (OUTSIDE, connection.cookie)
    (got,) = step(harness, segment(like, OUTSIDE, "A", ISN + 1, first))
    assert (got.port, got.tcp.ack) == (INSIDE, (HOST_ISN + 1) % (1 << 32))
    (got,) = step(harness, segment(like, OUTSIDE, "A", ISN, first, payload))
    assert (got.port, got.tcp.seq) == (INSIDE, ISN)
    (got,) = step(harness, segment(like, INSIDE, "A", HOST_ISN + 1, ISN + 1))
    assert (got.port, got.tcp.seq) == (OUTSIDE, first % (1 << 32))


@pytest.mark.parametrize("kind", ["ipv4", "vlan"])
def test_a_fragmented_segment_is_right_when_it_is_put_together(
    harness: Harness, secrets: CookieSecrets, kind: str
) -> None:
    like = bytes(FRAMES[kind])
    connection = opened(harness, like)
    whole = Ether(segment(like, INSIDE, "PA", HOST_ISN + 1, ISN + 1, bytes(range(200))).data)
    parts = whole[IP].copy().fragment(fragsize=120)
    seen = []
    for part in parts:
        link = whole.copy()
        link.lastlayer()  # the frame's own link layer, with the fragment behind it
        under = link[Dot1Q] if Dot1Q in link else link[Ether]
        under.remove_payload()
        seen += step(harness, Frame(bytes(link / part), INSIDE))
    assert len(parts) == len(seen) == 2
    payload = b"".join(bytes(Ether(one.frame)[IP].payload) for one in seen)
    tcp = TCP(payload)
    assert tcp.seq == (connection.cookie + 1) % (1 << 32)
    pseudo = whole[IP].copy()
    pseudo.remove_payload()
    made = pseudo / TCP(payload)
    del made[TCP].chksum, made[IP].len, made[IP].chksum
    assert IP(bytes(made))[TCP].chksum == tcp.chksum


def test_a_host_that_has_forgotten_a_connection_may_begin_another(
    harness: Harness, secrets: CookieSecrets, like: bytes
) -> None:
    """Its client comes back with the same ports; the node has missed the end of the first."""
    opened(harness, like)
    again, host = 70_000_000, 0x1234_5678
    for frame in (
        segment(like, OUTSIDE, "S", again, options=FULL),
        segment(like, INSIDE, "SA", host, again + 1, options=HOST),
        segment(like, OUTSIDE, "A", again + 1, host + 1),
        segment(like, INSIDE, "PA", host + 1, again + 1, b"hello"),
        segment(like, OUTSIDE, "FA", again + 1, host + 6),
        segment(like, INSIDE, "FA", host + 6, again + 2),
    ):
        assert step(harness, frame)[0].frame == frame.data


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
    assert step(harness, segment(like, OUTSIDE, "A", ISN, connection.cookie + 2)) == []
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

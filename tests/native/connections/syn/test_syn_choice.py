"""Which SYNs the SYN proxy answers itself, and in whose name it speaks."""

from __future__ import annotations

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether

from dataplane.native.abi import Mode, Origin, Reason, SynProxy
from dataplane.tables.syn_proxy_table import CookieSecrets
from tests.native.connections.connections_support import INSIDE, OUTSIDE
from tests.native.connections.syn.syn_proxy_support import (
    BARE,
    FRAMES,
    FULL,
    HOST,
    HOST_ISN,
    ISN,
    Seen,
    answered,
    learn,
    opening,
    segment,
    step,
    syn,
)
from tests.native.harness import Harness

EXPEDITED, NETWORK_CONTROL = 46 << 2, 48 << 2
"""DSCP EF and CS6 (RFC 3246, RFC 4594)."""
ECN = 3
SIGNED = {
    "md5": [("MSS", 1460), (19, bytes(16)), ("NOP", None), ("NOP", None)],
    "ao": [("MSS", 1460), (29, bytes(14))],
    "md5 with the rest": [*FULL[:1], FULL[1], (19, bytes(16))],
}
ASK_AGAIN_DS = 300

# --- IP headers -----------------------------------------------------------------------------------


def with_ip(like: bytes, lifetime: int, traffic_class: int) -> bytes:
    """The same hosts, whose packets arrive with this."""
    made = Ether(like)
    if IP in made:
        made[IP].ttl, made[IP].tos = lifetime, traffic_class
        del made[IP].chksum
    else:
        made[IPv6].hlim, made[IPv6].tc = lifetime, traffic_class
    return bytes(made)


def ip_of(seen: Seen) -> tuple[int, int]:
    made = Ether(seen.frame)
    return (made[IP].ttl, made[IP].tos) if IP in made else (made[IPv6].hlim, made[IPv6].tc)


def test_the_host_gets_the_syn_as_far_from_its_client_as_the_client_s_packets_are(
    harness: Harness, secrets: CookieSecrets, like: bytes
) -> None:
    """A bump in the wire takes nothing off (GTSM, RFC 5082); ECN is not agreed on by a copy."""
    client = with_ip(like, 255, NETWORK_CONTROL | ECN)
    answer = answered(harness, syn(client))
    (got,) = opening(harness, client, answer.tcp.seq)
    assert ip_of(got) == (255, NETWORK_CONTROL)
    (reset,) = step(harness, segment(with_ip(like, 9, 9), INSIDE, "A", 77, 4711))
    assert (reset.flags, ip_of(reset)) == ("R", (255, NETWORK_CONTROL))


@pytest.mark.parametrize(("client", "expected"), [(255, 255), (254, 64), (64, 64), (1, 64)])
def test_for_a_host_that_nobody_knows_a_neighbour_gets_what_a_neighbour_sends(
    harness: Harness, secrets: CookieSecrets, like: bytes, client: int, expected: int
) -> None:
    answer = answered(harness, syn(with_ip(like, client, EXPEDITED)))
    assert ip_of(answer) == (expected, 0)


@pytest.mark.parametrize("lifetime", [255, 61, 128])
def test_a_client_hears_the_node_as_it_hears_the_host(
    harness: Harness, secrets: CookieSecrets, like: bytes, lifetime: int
) -> None:
    host = with_ip(like, lifetime, EXPEDITED | ECN)
    learn(harness, host)
    answer = answered(harness, syn(with_ip(like, 255, 0)))
    assert ip_of(answer) == (lifetime, EXPEDITED)
    opening(harness, like, answer.tcp.seq)
    (reset,) = step(harness, segment(like, INSIDE, "RA", 0, ISN + 1))
    assert (reset.port, reset.flags, ip_of(reset)) == (OUTSIDE, "R", (lifetime, EXPEDITED))


# --- to and from whom -----------------------------------------------------------------------------

NOBODY = {
    "ipv4": ["0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.5", "239.255.255.255", "255.255.255.255"],
    "ipv6": ["::", "::1", "ff02::1", "ff0e::101"],
}
HOSTS = {
    "ipv4": ["1.0.0.1", "126.255.255.255", "128.0.0.0", "223.255.255.255", "255.255.255.254"],
    "ipv6": ["::2", "1::", "fe00::1", "0:0:0:1::"],
}


def without_judging_sources(harness: Harness) -> None:
    mode = harness.policy.profile(0).mode
    for reason in (Reason.SOURCE_MULTICAST, Reason.SOURCE_BROADCAST, Reason.SOURCE_LOOPBACK):
        mode[reason] = Mode.OFF
    mode[Reason.SOURCE_UNUSABLE] = Mode.OFF


@pytest.mark.parametrize("field", ["src", "dst"])
@pytest.mark.parametrize("family", NOBODY)
@pytest.mark.parametrize("expected", [False, True])
def test_only_a_syn_from_one_host_to_one_host_is_answered(
    harness: Harness, secrets: CookieSecrets, family: str, field: str, expected: bool
) -> None:
    without_judging_sources(harness)
    for address in (HOSTS if expected else NOBODY)[family]:
        made = Ether(bytes(FRAMES[family]))
        setattr(made[IP] if IP in made else made[IPv6], field, address)
        harness.run([syn(bytes(made))])
        harness.sent()
    answers = len(HOSTS[family]) if expected else 0
    assert harness.stats.origin[Origin.ANSWER].originated == answers


@pytest.mark.parametrize("mac", ["ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:05", "33:33:00:00:00:01"])
@pytest.mark.parametrize("field", ["src", "dst"])
def test_a_frame_to_or_from_a_group_is_not_answered(
    harness: Harness, secrets: CookieSecrets, like: bytes, field: str, mac: str
) -> None:
    made = Ether(like)
    setattr(made, field, mac)
    step(harness, syn(bytes(made)))
    assert harness.stats.origin[Origin.ANSWER].originated == 0
    opening(harness, like, answered(harness, syn(like)).tcp.seq)
    assert step(harness, syn(bytes(made))) == []


# --- what nobody else can answer ------------------------------------------------------------------


@pytest.mark.parametrize("kind", SIGNED)
def test_a_signed_syn_passes_to_the_host_ten_times_a_second(
    harness: Harness, secrets: CookieSecrets, like: bytes, kind: str
) -> None:
    """TCP-MD5 (RFC 2385) and TCP-AO (RFC 5925): nobody has the key but the two ends."""
    signed = syn(like, SIGNED[kind])
    for _ in range(10):
        (got,) = step(harness, signed)
        assert (got.port, got.frame) == (INSIDE, signed.data)
    assert step(harness, signed) == []
    assert harness.stats.port[OUTSIDE].dropped[Reason.SYN_PROXY_FULL] == 1
    assert answered(harness, syn(like)).options == {"MSS": 1220}
    harness.time.boot_ds += 10
    assert step(harness, signed)[0].port is INSIDE


def test_a_signed_connection_is_the_host_s_own(
    harness: Harness, secrets: CookieSecrets, like: bytes
) -> None:
    frames = [
        syn(like, SIGNED["md5"]),
        segment(like, INSIDE, "SA", HOST_ISN, ISN + 1, options=SIGNED["md5"]),
        segment(like, OUTSIDE, "A", ISN + 1, HOST_ISN + 1, options=SIGNED["md5"][1:]),
        segment(like, INSIDE, "PA", HOST_ISN + 1, ISN + 1, b"OPEN", options=SIGNED["md5"][1:]),
    ]
    for frame in frames:
        (got,) = step(harness, frame)
        assert got.frame == frame.data


def test_syns_to_one_address_use_up_only_what_is_its_own(
    harness: Harness, secrets: CookieSecrets, like: bytes
) -> None:
    for port in range(1, 30):
        made = Ether(like)
        made[TCP].dport = port
        step(harness, syn(bytes(made), SIGNED["md5"]))
    assert harness.stats.port[OUTSIDE].dropped[Reason.SYN_PROXY_FULL] == 19
    other = Ether(like)
    ip = other[IP] if IP in other else other[IPv6]
    ip.dst = "198.51.100.11" if IP in other else "2001:db8:5::11"
    assert step(harness, syn(bytes(other), SIGNED["md5"]))[0].port is INSIDE


@pytest.mark.parametrize(("mss", "passes"), [(1, True), (535, True), (536, False), (0, False)])
def test_a_client_of_a_smaller_mss_than_a_cookie_can_say_talks_to_the_host_itself(
    harness: Harness, secrets: CookieSecrets, like: bytes, mss: int, passes: bool
) -> None:
    """RFC 9293, section 3.7.1: without an option it is 536."""
    (got,) = step(harness, syn(like, [("MSS", mss)] if mss else []))
    assert (got.port is INSIDE) is passes


def test_a_lost_third_segment_is_made_good_by_what_the_client_sends_next(
    harness: Harness, secrets: CookieSecrets, like: bytes
) -> None:
    """Until then the host knows nothing, so one that speaks first says nothing."""
    cookie = answered(harness, syn(like)).tcp.seq
    (got,) = step(harness, segment(like, OUTSIDE, "PA", ISN + 1, cookie + 1, b"probe"))
    assert (got.port, got.flags) == (INSIDE, "S")


# --- asking ---------------------------------------------------------------------------------------


def to_port(like: bytes, port: int, sport: int = 40000) -> bytes:
    made = Ether(like)
    made[TCP].dport, made[TCP].sport = port, sport
    return bytes(made)


def test_a_silent_port_does_not_keep_another_from_being_asked(
    harness: Harness, secrets: CookieSecrets, like: bytes
) -> None:
    for _ in range(5):
        step(harness, *(syn(to_port(like, 9, 1000 + i), FULL) for i in range(20)))
        asks = syn(like, FULL)
        assert step(harness, asks)[0].frame == asks.data
        harness.time.boot_ds += 10


def test_silent_ports_without_number_do_not_keep_a_live_one_from_being_asked(
    harness: Harness, secrets: CookieSecrets, like: bytes
) -> None:
    """One that has answered, if only to a client without options, has a turn of its own."""
    cookie = answered(harness, syn(like)).tcp.seq
    opening(harness, like, cookie)
    step(harness, segment(like, INSIDE, "SA", HOST_ISN, ISN + 1))
    passed = 0
    for port in range(1000, 3000):
        passed += step(harness, syn(to_port(like, port), FULL))[0].port is INSIDE
    assert passed <= 256
    asks = syn(to_port(like, 80, 7), FULL)
    assert step(harness, asks)[0].frame == asks.data


def test_a_host_that_lacked_something_is_asked_again_after_a_while(
    harness: Harness, secrets: CookieSecrets, like: bytes
) -> None:
    """Another server behind the address may have answered."""
    learn(harness, like, options=BARE)
    assert answered(harness, syn(like, FULL)).options == {"MSS": 1460}
    harness.time.boot_ds += ASK_AGAIN_DS - 1
    answered(harness, syn(like, FULL))
    harness.time.boot_ds += 1
    asks = syn(like, FULL)
    assert step(harness, asks)[0].frame == asks.data
    step(harness, segment(like, INSIDE, "SA", HOST_ISN, ISN + 1, options=HOST))
    step(harness, segment(like, OUTSIDE, "R", ISN + 1))
    assert answered(harness, syn(like, FULL)).options["WScale"] == 9
    harness.time.boot_ds += 10 * ASK_AGAIN_DS
    answered(harness, syn(like, FULL))  # it has everything: nobody asks any more


def test_what_only_a_repeated_syn_has_offered_is_not_learned_from(
    harness: Harness, secrets: CookieSecrets, like: bytes
) -> None:
    """The host may have answered the first."""
    learn(harness, like)
    harness.policy.profile(0).syn_proxy = SynProxy.OFF
    step(harness, syn(like, []))
    step(harness, syn(like, FULL))
    step(harness, segment(like, INSIDE, "SA", HOST_ISN, ISN + 1, options=BARE))
    step(harness, segment(like, OUTSIDE, "R", ISN + 1))
    harness.policy.profile(0).syn_proxy = SynProxy.ALWAYS
    options = answered(harness, syn(like, FULL)).options
    assert options["WScale"] == 9
    assert "Timestamp" in options

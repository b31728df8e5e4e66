"""Packets through the pipeline, and the incident that clients read of them."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv6Address

import pytest

from dataplane.native.abi import Mode, Port, Reason
from tests.native.connections.connections_support import ACK, FIN, RST, SYN, Pair
from tests.native.detection.detected import Detected, detecting
from tests.native.harness import Frame, Harness

OUT = Port.OUTSIDE
SERVER = "198.51.100.10"
MORE = 0x2000
"""More fragments follow (RFC 791, 3.1)."""


@pytest.fixture
def detected(library: ctypes.CDLL, harness: Harness) -> Iterator[Detected]:
    with detecting(library, harness) as found:
        yield found


def client(number: int, port: int = 40000, server: str = SERVER) -> Pair:
    return Pair(
        client=IPv4Address(0x0B000000 + number), client_port=port, server=IPv4Address(server)
    )


FLOODS: dict[str, tuple[Callable[[int], Frame], str]] = {
    "syn_flood": (lambda n: client(n).tcp(OUT, SYN, n), "syns_per_second"),
    "ack_flood": (lambda n: client(n).tcp(OUT, ACK, n, n), "acks_per_second"),
    "rst_flood": (lambda n: client(n).tcp(OUT, RST, n), "rsts_per_second"),
    "udp_flood": (lambda n: client(n).udp(OUT, 64), "udp_per_second"),
    "dns_amplification": (lambda n: client(n, 53).udp(OUT, 1200), "amplification_per_second"),
    "ntp_amplification": (lambda n: client(n, 123).udp(OUT, 468), "amplification_per_second"),
    "memcached_amplification": (
        lambda n: client(n, 11211).udp(OUT, 1400),
        "amplification_per_second",
    ),
    "ssdp_amplification": (lambda n: client(n, 1900).udp(OUT, 300), "amplification_per_second"),
    "cldap_amplification": (lambda n: client(n, 389).udp(OUT, 1400), "amplification_per_second"),
    "icmp_flood": (lambda n: client(n).echo(OUT, reply=False), "icmp_per_second"),
    "fragment_flood": (
        lambda n: client(n).ip(OUT, 17, bytes(600), MORE | 80),
        "fragments_per_second",
    ),
    "malformed_flood": (lambda n: client(n).tcp(OUT, SYN | FIN, n), "malformed_per_second"),
}


@pytest.mark.parametrize("attack", FLOODS)
def test_a_flood_becomes_one_incident_with_its_evidence(detected: Detected, attack: str) -> None:
    make, metric = FLOODS[attack]
    detected.tick()
    for tick in range(5):
        detected.tick(make(tick * 500 + number) for number in range(500))
    (found,) = detected.incidents
    assert (found.type, found.target, found.state) == (attack, SERVER, "active")
    assert (found.profile, found.trigger.metric) == ("web", metric)
    assert found.sources.is_spoofed
    assert sum(each.share for each in found.packet_sizes) == pytest.approx(1, abs=0.01)
    detected.quiet(5)
    (found,) = detected.incidents
    assert (found.state, found.ended_by) == ("ended", "quiet")
    assert (found.totals.packets, found.peak.packets) == (2500, 2500)


def test_evidence_is_there_with_the_first_word_of_an_attack(detected: Detected) -> None:
    detected.tick()
    detected.tick(client(number).tcp(OUT, SYN, number) for number in range(2000))
    (found,) = detected.incidents
    assert [(each.protocol, each.port) for each in found.ports] == [("tcp", 80)]
    assert [(each.flags, each.share) for each in found.tcp_flags] == [("S", 1.0)]
    assert found.sources.distinct == pytest.approx(2000, rel=0.2)


def test_dropped_packets_are_told_by_reason(detected: Detected) -> None:
    detected.harness.set_mode(Reason.TCP_FLAGS, Mode.ENFORCE)
    for _ in range(5):
        detected.tick(client(number).tcp(OUT, SYN | FIN, number) for number in range(200))
    detected.quiet(5)
    (found,) = detected.incidents
    assert (found.action, found.totals.dropped, found.totals.passed) == ("blocked", 1000, 0)
    assert found.dropped_by_reason[0].reason == "tcp_flags"
    assert detected.view.read().attacks_blocked == 1


def test_monitor_is_told_apart(detected: Detected) -> None:
    detected.harness.set_mode(Reason.TCP_FLAGS, Mode.MONITOR)
    for _ in range(15):
        detected.tick(client(number).tcp(OUT, SYN | FIN, number) for number in range(200))
    (found,) = detected.incidents
    assert (found.action, found.totals.dropped) == ("monitored", 0)
    assert found.totals.would_drop >= 0.9 * found.totals.packets


def test_handshakes_make_no_syn_flood_but_too_many_a_connection_flood(detected: Detected) -> None:
    for tick in range(3):
        frames = []
        for number in range(100):
            pair = client(tick * 100 + number)
            frames += [
                pair.tcp(OUT, SYN, 1000),
                pair.tcp(Port.INSIDE, SYN | ACK, 5000, 1001),
                pair.tcp(OUT, ACK, 1001, 5001),
            ]
        detected.tick(frames)
    assert [each.type for each in detected.incidents] == ["connection_flood"]


def test_a_carpet_flood_is_one_incident_of_its_prefix(detected: Detected) -> None:
    for tick in range(5):
        detected.tick(
            client(tick * 500 + number, server=f"198.51.100.{number % 250}").tcp(OUT, SYN, number)
            for number in range(500)
        )
    (found,) = detected.incidents
    assert (found.type, found.target, found.is_carpet) == ("syn_flood", "198.51.100.0/24", True)


def test_ipv6_is_detected_and_its_prefix_is_a_64(detected: Detected) -> None:
    def pair(number: int, host: int) -> Pair:
        return Pair(
            client=IPv6Address("2001:db8:1::") + number, server=IPv6Address("2001:db8:2::") + host
        )

    for _ in range(5):
        detected.tick(pair(number, 10).tcp(OUT, SYN, number) for number in range(300))
    assert [each.target for each in detected.incidents] == ["2001:db8:2::a"]
    detected.quiet(5)
    for _ in range(5):
        detected.tick(pair(number, 100 + number).tcp(OUT, SYN, number) for number in range(500))
    assert [each.target for each in detected.incidents if each.is_active] == ["2001:db8:2::/64"]


def test_the_heaviest_source_is_the_top_one(detected: Detected) -> None:
    for tick in range(20):
        few = [client(number).tcp(OUT, SYN, tick) for number in range(60)]
        detected.tick([*few, *(client(7).tcp(OUT, SYN, tick) for _ in range(200))])
    assert detected.top.sources[0].address == "11.0.0.7"
    assert detected.top.targets[0].address == SERVER
    (found,) = (each for each in detected.incidents if each.type == "syn_flood")
    assert found.sources.top[0].address == "11.0.0.7"
    assert not found.sources.is_spoofed

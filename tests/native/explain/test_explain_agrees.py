"""What is said of a packet is what then happens to it: random state, in C, asked and run."""

from __future__ import annotations

import random
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
from scapy.layers.l2 import Ether

from dataplane.native.abi import PacketFlag, Port, Reason, Verdict
from tests.native.explain.explain_support import ask
from tests.native.harness import Frame, Harness
from tests.native.model.model_case import random_case
from tests.native.model.model_frames import PORTS, address4, address6, happens
from tests.native.model.model_twins import twins

SEEDS, PACKETS = 150, 6
VERDICTS = {Verdict.PASS: "forwarded", Verdict.DROP: "dropped", Verdict.CONSUMED: "challenged"}
SOURCE_PORT = 49152


def frame_of(source: object, to: object, protocol: str, port: int) -> Frame:
    """The packet that a question is about."""
    is_ipv4 = isinstance(source, IPv4Address)
    ip = IP(src=str(source), dst=str(to), flags="DF") if is_ipv4 else IPv6(src=source, dst=to)
    if protocol == "icmp":
        above = ICMP() if is_ipv4 else ICMPv6EchoRequest()
    else:
        kind = TCP if protocol == "tcp" else UDP
        above = kind(sport=SOURCE_PORT, dport=port)
    data = bytes(Ether(src="02:00:00:00:00:00", dst="02:00:00:00:00:01") / ip / above)
    flags = PacketFlag.CHECKSUM_GOOD | PacketFlag.L4_GOOD
    return Frame(data.ljust(60, b"\0"), Port.OUTSIDE, flags)


def pair(rng: random.Random) -> tuple[IPv4Address | IPv6Address, IPv4Address | IPv6Address]:
    if happens(rng, 0.6):
        return address4(rng), address4(rng)
    return plain6(rng), plain6(rng)


def plain6(rng: random.Random) -> IPv6Address:
    """A mapped one stands for IPv4 in a question."""
    while (address := address6(rng)).ipv4_mapped is not None:
        pass
    return address


@pytest.mark.parametrize("seed", range(0, SEEDS, 10))
def test_a_packet_meets_what_was_said_of_it(harness: Harness, seed: int) -> None:
    for number in range(seed, seed + 10):
        rng = random.Random(number)
        case = replace(random_case(rng, 2), lcores=1, cookie_slot=0)
        with twins(harness, case) as sides:
            for burst in case.bursts:
                harness.run(burst)
            for _ in range(PACKETS):
                source, to = pair(rng)
                protocol, port = rng.choice(("tcp", "udp", "icmp")), rng.choice(PORTS)
                echo = "icmp" if source.version == 4 else "icmpv6"
                asked = protocol if protocol != "icmp" else echo
                said = ask(harness, str(source), str(to), port=port, protocol=asked)
                packet = harness.run_one(frame_of(source, to, protocol, port))
                met = Reason(packet.reason).name.lower()
                verdict = VERDICTS[Verdict(packet.verdict)]
                told = (number, str(source), str(to), asked, port, said)
                assert said.verdict == verdict, (met, told)
                assert said.reason == (met if verdict == "dropped" else None), told
                assert said.profile == packet.profile, told
                harness.sent()
                assert sides

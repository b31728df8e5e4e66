"""Attacks as stories: the attack, the tool that makes it (not written for this project), and the
expected incident."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass

from tests.support.clients.syn_flood import mac, trafgen_of
from tests.support.instances.lab import Lab
from tests.support.network.peers import background, iperf_server

ORIGIN, ORIGIN_IPV6 = "198.19.0.1", "2001:2::2:1"
ATTACKER, ATTACKER_IPV6 = "198.18.0.1", "2001:2::1:1"
HONEST = "198.18.77.7"
PREFIX = "198.19.4.0/24"
COUNTED, WEIGHED = "198.19.6.1", "198.19.7.1"
"""Addresses of the origin too: one with a threshold of packets, one with a threshold of bits."""
UPLOAD_RATE = "20M"
ARP_REQUEST = (
    "const16(1), const16(0x0800), 6, 4, const16(1), "
    "fill(0x02, 6), 198, 18, 0, 1, fill(0, 6), 198, 19, 255, 254"
)
"""RFC 826: a request for an address that no host has."""
BROADCAST, NON_IP = "ff:ff:ff:ff:ff:ff", ", type=0x88b5"
"""The EtherType for experiments (IEEE 802)."""
TRAFGEN_PPS = 4000
HEAD_SECONDS = 2
THRESHOLDS = {
    **dict.fromkeys(("acks", "rsts", "udp", "amplification", "icmp", "fragments"), 400),
    **dict.fromkeys(("malformed", "requests"), 200),
    "syns": 150,
    "slow": 5,
    "carpet_factor": 2,
    "quiet_seconds": 3,
}
"""Low thresholds, so that a small machine can attack the node; the incident ends soon, but not if
the tool pauses."""
LOW_POLICY = {
    "name": "stories",
    "http": {"ports": [80], "head_seconds": HEAD_SECONDS},
    "rules": [{"type": "detection", **THRESHOLDS}],
    "profiles": [
        {
            "name": "counted",
            "targets": [f"{COUNTED}/32"],
            "rules": [{"type": "detection", **THRESHOLDS, "packets": 200}],
        },
        {
            "name": "weighed",
            "targets": [f"{WEIGHED}/32"],
            "rules": [{"type": "detection", **THRESHOLDS, "bits": 2_000_000}],
        },
        # Without HTTP: in an inspected profile, this connection flood would be a request flood.
        {
            "name": "uninspected",
            "targets": ["2001:2::2:1/128"],
            "rules": [{"type": "detection", **THRESHOLDS, "connections": 100}],
        },
    ],
}

Attacking = Callable[[Lab], AbstractContextManager[None]]


@dataclass(frozen=True)
class Story:
    """An attack, and what the node must report about it."""

    name: str
    type: str
    attacking: Attacking
    source: str | None
    """The source of the attack; None: forged addresses."""
    target: str = ORIGIN
    port: tuple[str, int] | None = None
    """Protocol and port of most packets."""
    flags: str | None = None
    """TCP flags of most segments."""
    lingers_ms: int = 0
    """For so long after the last packet, the node still originates packets because of it, and
    counts these."""
    is_of_ip: bool = True
    """False: frames of a port without IP, whose source is not known."""


def tool(*command: str) -> Attacking:
    """A program that the attacker runs."""

    @contextmanager
    def attacking(lab: Lab) -> Iterator[None]:
        with background(*lab.enter("client"), *command) as process:
            yield
            if process.poll() is not None:
                raise RuntimeError(f"{command[0]} has ended: {process.communicate()[0]}")

    return attacking


def repeated(*command: str) -> Attacking:
    """A program that ends when the node has reset all of its connections, and is then started
    again."""

    @contextmanager
    def attacking(lab: Lab) -> Iterator[None]:
        loop = ("sh", "-c", 'while "$@"; do :; done', "repeated", *command)
        # In its own process group, so that all programs of the shell end with it.
        with subprocess.Popen(
            [*lab.enter("client"), *loop],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as process:
            try:
                yield
                assert process.poll() is None, f"{command[0]} has failed"
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)

    return attacking


def hping3(*options: str, target: str = ORIGIN) -> Attacking:
    """hping3 with at most 10,000 packets per second, which leaves a small machine time for the
    node."""
    return tool("hping3", "--quiet", "--interval", "u100", *options, target)


def nping(*options: str) -> Attacking:
    """nping without an end, and without capturing answers."""
    endless = ("--count", "0", "--rate", str(TRAFGEN_PPS), "--no-capture", "--hide-sent")
    return tool("nping", *endless, *options, ORIGIN)


def upload(address: str) -> Attacking:
    """One connection that sends much data to an additional address of the origin."""

    @contextmanager
    def attacking(lab: Lab) -> Iterator[None]:
        lab.add_address("origin", f"{address}/15")
        sent = ("iperf3", "--client", address, "--time", "600", "--bitrate", UPLOAD_RATE)
        with iperf_server(lab), tool(*sent, "--interval", "0")(lab):
            yield

    return attacking


def generated(packet: str, to: str | None = None, ether_type: str = "") -> Attacking:
    """A packet in trafgen's language, without the Ethernet addresses."""

    @contextmanager
    def attacking(lab: Lab) -> Iterator[None]:
        names = lab.instance.namespaces
        macs = f"sa={mac(names.client, 'net0')}, da={to or mac(names.origin, 'net0')}"
        packets = f"{{ eth({macs}{ether_type}), {packet} }}"
        with trafgen_of(names.client, packets, "--rate", f"{TRAFGEN_PPS}pps"):
            yield

    return attacking


_WEB = ("--destport", "80")
_DNS = ("--udp", "--baseport", "53", "--keep", "--destport", "33000", "--data", "1000")
STORIES = (
    Story(
        *("a SYN flood from one host", "syn_flood", hping3("--syn", *_WEB), ATTACKER),
        port=("tcp", 80),
        flags="S",
    ),
    Story(
        *("a SYN flood from forged addresses", "syn_flood"),
        *(hping3("--syn", *_WEB, "--rand-source"), None),
        port=("tcp", 80),
        flags="S",
    ),
    Story(
        *("an ACK flood", "ack_flood", hping3("--ack", *_WEB, "--rand-source"), None),
        port=("tcp", 80),
        flags="A",
    ),
    Story(
        *("an RST flood", "rst_flood", hping3("--rst", *_WEB, "--rand-source"), None),
        port=("tcp", 80),
        flags="R",
    ),
    Story(
        *("a UDP flood", "udp_flood", hping3("--udp", "--destport", "9999"), ATTACKER),
        port=("udp", 9999),
    ),
    Story(
        *("answers of name servers", "dns_amplification", hping3(*_DNS), ATTACKER),
        port=("udp", 33000),
    ),
    Story("an ICMP flood", "icmp_flood", hping3("--icmp"), ATTACKER),
    Story(
        *("a SYN flood by nping", "syn_flood"),
        *(nping("--tcp", "--flags", "syn", "--dest-port", "80"), ATTACKER),
        port=("tcp", 80),
        flags="S",
    ),
    Story(
        *("more packets than allowed", "packet_flood", upload(COUNTED), ATTACKER),
        target=COUNTED,
        port=("tcp", 5201),
        flags="A",
    ),
    Story(
        *("more bits than allowed", "bit_flood", upload(WEIGHED), ATTACKER),
        target=WEIGHED,
        port=("tcp", 5201),
        flags="A",
    ),
    Story(
        *("a flood of ARP", "link_flood"),
        generated(ARP_REQUEST, to=BROADCAST, ether_type=", type=0x0806"),
        *(None, "outside"),
        is_of_ip=False,
    ),
    Story(
        *("frames that are not IP", "non_ip_flood"),
        generated("fill(0x58, 64)", to=BROADCAST, ether_type=NON_IP),
        *(None, "outside"),
        is_of_ip=False,
    ),
    Story(
        *("segments that no stack sends", "malformed_flood"),
        *(hping3("--syn", "--fin", *_WEB), ATTACKER),
        port=("tcp", 80),
        flags="FS",
    ),
    Story(
        *("fragments of IPv6", "fragment_flood"),
        # Fragment header (RFC 8200, 4.5) of a UDP datagram: not the first fragment, and more
        # follow.
        generated(
            f"ip6(sa={ATTACKER_IPV6}, da={ORIGIN_IPV6}, nh=44, hl=64, len=520), "
            "17, 0, const16(0x0201), drnd(4), fill(0x58, 512)"
        ),
        ATTACKER_IPV6,
        target=ORIGIN_IPV6,
    ),
    Story(
        *("a carpet over a prefix", "udp_flood"),
        generated(
            f"ipv4(sa={ATTACKER}, da=198.19.4.0, da[3]=dinc(1, 254)), "
            "udp(sp=4444, dp=9999), fill(0x58, 64)"
        ),
        ATTACKER,
        target=PREFIX,
        port=("udp", 9999),
    ),
    Story(
        *("a connection for each page", "connection_flood"),
        tool(
            *("wrk", "--threads", "1", "--connections", "20", "--duration", "600s"),
            *("--header", "Connection: close", f"http://[{ORIGIN_IPV6}]/"),
        ),
        ATTACKER_IPV6,
        target=ORIGIN_IPV6,
        port=("tcp", 80),
    ),
    Story(
        *("a flood of requests", "http_flood"),
        tool(
            *("wrk", "--threads", "1", "--connections", "20", "--duration", "600s"),
            f"http://{ORIGIN}/",
        ),
        ATTACKER,
        port=("tcp", 80),
    ),
    Story(
        *("slowloris", "slowloris"),
        repeated(
            *("slowhttptest", "-H", "-c", "100", "-r", "50", "-i", "1", "-l", "600"),
            *("-u", f"http://{ORIGIN}/"),
        ),
        ATTACKER,
        lingers_ms=1000 * HEAD_SECONDS,
        port=("tcp", 80),
    ),
)

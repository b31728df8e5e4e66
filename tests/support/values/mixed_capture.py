"""A capture with packets of many kinds, and the expected result for each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import (
    ICMPv6ND_NS,
    ICMPv6NDOptSrcLLAddr,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
)
from scapy.layers.l2 import ARP, Dot1AD, Dot1Q, Ether
from scapy.packet import Packet, Raw

from dataplane.pcap import create_capture

INSIDE = ("198.51.100.0/24", "2001:db8:1::/48")
START_NS = 1_700_000_000_000_000_123
CLIENT4, SERVER4 = "203.0.113.7", "198.51.100.1"
CLIENT6, SERVER6 = "2001:db8:f::7", "2001:db8:1::1"
BANNED4, BANNED6 = "192.0.2.66", "2001:db8:bad::66"
ALLOWED4 = "192.0.2.77"
BLACKLIST = "# who was bad\n192.0.2.0/24\n\n2001:db8:bad::/48 # a prefix\n192.0.2.66\n"
ALLOWLIST = "192.0.2.77\n"


@dataclass(frozen=True)
class Sample:
    """One packet: its bytes, how many of them the capture has, and the expected result."""

    name: str
    data: bytes
    kept: int
    reason: str | None = None
    """The reason of the drop; None: forwarded."""
    port: str = "outside"

    @property
    def captured(self) -> bytes:
        """The bytes in the capture."""
        return self.data[: self.kept]


@cache
def mixed() -> tuple[Sample, ...]:
    """IPv4, IPv6, VLAN, QinQ, fragments, cut packets, both directions."""
    v4, v6 = IP(src=CLIENT4, dst=SERVER4), IPv6(src=CLIENT6, dst=SERVER6)
    syn, udp = TCP(sport=1024, dport=80, flags="S"), UDP(sport=53, dport=1025)
    long = Raw(b"x" * 400)
    return (
        _sample("v4", v4 / syn),
        _sample("v6", v6 / syn),
        _sample("v4 udp in a VLAN", v4 / udp / b"dns", Dot1Q(vlan=7)),
        _sample("v6 in QinQ", v6 / syn, Dot1AD(vlan=3) / Dot1Q(vlan=7)),
        _sample("first fragment", IP(src=CLIENT4, dst=SERVER4, flags="MF") / udp / long),
        _sample("later fragment", IP(src=CLIENT4, dst=SERVER4, frag=51, proto=17) / long),
        _sample("v6 fragment", v6 / IPv6ExtHdrFragment(offset=9, nh=17, m=1) / Raw(b"y" * 64)),
        _sample("v6 with options", v6 / IPv6ExtHdrDestOpt() / udp / b"opt"),
        _sample("answer", IP(src=SERVER4, dst=CLIENT4) / TCP(flags="SA"), port="inside"),
        _sample("v6 answer", IPv6(src=SERVER6, dst=CLIENT6) / udp, Dot1Q(vlan=7), port="inside"),
        _sample("to a banned host", IP(src=SERVER4, dst=BANNED4) / udp, port="inside"),
        _sample("arp", ARP(pdst=SERVER4)),
        _sample("nd", IPv6(src="fe80::1", dst=SERVER6, hlim=255) / ICMPv6ND_NS(tgt=SERVER6)),
        _sample("nd option", v6 / ICMPv6ND_NS(tgt=SERVER6) / ICMPv6NDOptSrcLLAddr()),
        _sample("passing by", IP(src=CLIENT4, dst="203.0.113.8") / ICMP()),
        _sample("within", IP(src="198.51.100.2", dst=SERVER4) / udp),
        _sample("cut payload", v4 / udp / long, kept=64),
        _sample("cut in its header", v4 / syn, kept=40),
        _sample("cut in the Ethernet header", v6 / syn, kept=10),
        _sample("cut payload, banned", IP(src=BANNED4, dst=SERVER4) / udp / long, kept=64,
                reason="blacklist"),
        _sample("bad checksum", IP(src=CLIENT4, dst=SERVER4, chksum=1) / syn, reason="ip_checksum"),
        _sample("land", IP(src=SERVER4, dst=SERVER4) / syn, reason="land"),
        _sample("v6 land in a VLAN", IPv6(src=SERVER6, dst=SERVER6) / syn, Dot1Q(vlan=7),
                reason="land"),
        _sample("null flags in QinQ", v4 / TCP(flags=0), Dot1AD(vlan=3) / Dot1Q(vlan=7),
                reason="tcp_flags"),
        _sample("length lies", IP(src=CLIENT4, dst=SERVER4, len=900) / udp, reason="ip_length"),
        _sample("loopback from inside", IP(src="127.0.0.1", dst=SERVER4) / udp,
                reason="source_loopback"),
        _sample("banned", IP(src=BANNED4, dst=SERVER4) / syn, reason="blacklist"),
        _sample("banned v6 prefix in a VLAN", IPv6(src=BANNED6, dst=SERVER6) / udp, Dot1Q(vlan=7),
                reason="blacklist"),
        _sample("banned fragment", IP(src=BANNED4, dst=SERVER4, frag=9, proto=17) / long,
                reason="blacklist"),
        _sample("allowed within a ban", IP(src=ALLOWED4, dst=SERVER4) / syn),
    )  # fmt: skip


def write_mixed(path: Path, gap_ns: int = 1000) -> None:
    """Write the mixed capture, with ``gap_ns`` between packets."""
    with create_capture(path) as writer:
        for index, sample in enumerate(mixed()):
            writer.write(START_NS + index * gap_ns, sample.captured, len(sample.data))


def _sample(
    name: str,
    packet: Packet,
    tags: Packet | None = None,
    *,
    kept: int | None = None,
    reason: str | None = None,
    port: str = "outside",
) -> Sample:
    ethernet = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
    data = bytes(ethernet / tags / packet if tags else ethernet / packet)
    return Sample(name, data, len(data) if kept is None else kept, reason, port)

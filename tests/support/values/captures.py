"""Frames for DPDK's pcap ports: received and transmitted ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Raw
from scapy.utils import PcapWriter, RawPcapReader

CLIENT_MAC, SERVER_MAC = "02:00:00:00:00:01", "02:00:00:00:00:02"
SERVER = "198.19.0.1"


def inbound(client: str, size: int = 100, mark: int = 0) -> bytes:
    """A UDP frame from a client outside to the protected server; ``mark`` is in its payload."""
    return _frame(client, SERVER, size, mark)


def outbound(client: str, size: int = 100, mark: int = 0) -> bytes:
    """A UDP frame from the server to a client."""
    return _frame(SERVER, client, size, mark)


def assorted() -> list[bytes]:
    """Inbound frames of several kinds: IPv4 TCP, IPv6, VLAN, ARP-like, odd sizes."""
    ether = Ether(src=CLIENT_MAC, dst=SERVER_MAC)
    v6 = IPv6(src="2001:2::1:1", dst="2001:2::2:1")
    frames = [
        ether / IP(src="198.18.0.1", dst=SERVER) / TCP(sport=1234, dport=80, flags="S"),
        ether / v6 / UDP(sport=9, dport=9) / Raw(b"six"),
        ether / Dot1Q(vlan=7) / IP(src="198.18.0.2", dst=SERVER) / UDP(sport=9, dport=9),
        Ether(src=CLIENT_MAC, dst="01:80:c2:00:00:0e", type=0x88CC) / Raw(b"\x02" * 50),
    ]
    return [bytes(frame) for frame in frames] + [
        inbound("198.18.0.3", size) for size in (60, 61, 64, 512, 1514)
    ]


def write_frames(path: Path, frames: Sequence[bytes]) -> Path:
    """Write a capture with these frames."""
    with PcapWriter(str(path), linktype=1, nano=False) as writer:
        writer.write_header(None)
        for frame in frames:
            writer.write_packet(frame, sec=0, usec=0)
    return path


def read_frames(path: Path) -> list[bytes]:
    """The frames of a capture, in order."""
    with RawPcapReader(str(path)) as reader:
        return [frame for frame, _ in reader]


def mark_of(frame: bytes) -> int:
    """The mark of a frame from `inbound` or `outbound`."""
    return int.from_bytes(frame[42:46], "big")


def client_of(frame: bytes) -> bytes:
    """The source address of an IPv4 frame without VLAN tag."""
    return frame[26:30]


def _frame(source: str, destination: str, size: int, mark: int) -> bytes:
    inwards = destination == SERVER
    ether = Ether(
        src=CLIENT_MAC if inwards else SERVER_MAC, dst=SERVER_MAC if inwards else CLIENT_MAC
    )
    payload = mark.to_bytes(4, "big").ljust(size - 42, b"\xa5")
    return bytes(ether / IP(src=source, dst=destination) / UDP(sport=7, dport=7) / Raw(payload))

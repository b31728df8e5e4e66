"""Traffic counters of each protected address."""

from __future__ import annotations

from dataplane.model.packet import Packet
from dataplane.model.state import Lcore
from dataplane.native.abi import PacketFlag, TrafficKind


def count(lcore: Lcore, packet: Packet, kind: TrafficKind, size: int = 0) -> None:
    """Add one of a kind, and bytes, for the destination of a packet.

    A packet without a destination, being link control or unreadable, counts for its profile.
    """
    destination: bytes | int = packet.profile
    if packet.ip_version != 0 and PacketFlag.LINK_SCOPE not in packet.flags:
        # The bytes of an answered SYN are those of the answer, which goes to the client.
        address = packet.client if PacketFlag.ANSWER in packet.flags else packet.protected
        destination = _mapped(address or b"")
    lcore.traffic[destination, kind] += 1
    lcore.traffic_bytes[destination] += size


def _mapped(address: bytes) -> bytes:
    return address if len(address) == 16 else bytes(10) + b"\xff\xff" + address

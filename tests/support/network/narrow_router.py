"""A router in front of the client whose next link has a small MTU: ``narrow_router.py DEVICE ORIGIN
MTU``.

Sends the origin an ICMP error (RFC 792, RFC 8201) for each segment that is too large. The test's
firewall drops the segment itself. Runs in the client's namespace until it is killed; prints
``ready``.
"""

from __future__ import annotations

import socket
import sys

from scapy.layers.inet import ICMP, IP, TCP
from scapy.layers.inet6 import ICMPv6PacketTooBig, IPv6
from scapy.layers.l2 import Ether

_ETH_P_ALL = 0x0003
_FRAME_BYTES_MAX = 2048
_QUOTED_BYTES = 512


def tell(device: str, origin: str, mtu: int) -> None:
    """Send an error for each frame that is too large."""
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
    wire.bind((device, _ETH_P_ALL))
    print("ready", flush=True)
    while True:
        data, address = wire.recvfrom(_FRAME_BYTES_MAX)
        if address[2] == socket.PACKET_OUTGOING or len(data) <= mtu:
            continue
        frame = Ether(data)
        ip = frame.getlayer(IP) or frame.getlayer(IPv6)
        if ip is not None and TCP in frame and ip.src == origin and len(ip) > mtu:
            wire.send(bytes(Ether(dst=frame.src, src=frame.dst) / _error(ip, mtu)))


def _error(ip: IP | IPv6, mtu: int) -> IP | IPv6:
    quoted = bytes(ip)[:_QUOTED_BYTES]
    if isinstance(ip, IP):
        return IP(src=ip.dst, dst=ip.src) / ICMP(type=3, code=4, nexthopmtu=mtu) / quoted
    return IPv6(src=ip.dst, dst=ip.src) / ICMPv6PacketTooBig(mtu=mtu) / quoted


if __name__ == "__main__":
    tell(sys.argv[1], sys.argv[2], int(sys.argv[3]))

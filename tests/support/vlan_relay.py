"""A VLAN interface made by hand, for kernels without 802.1Q: ``vlan_relay.py DEVICE NAME TAG``.

Makes a tap interface NAME; what its host sends there leaves on DEVICE with a tag, and what arrives
on DEVICE with that tag comes out of it. Run in the peer's namespace; the interface goes with it.
"""

from __future__ import annotations

import fcntl
import os
import select
import socket
import struct
import subprocess
import sys

_TUNSETIFF = 0x400454CA  # linux/if_tun.h
_IFF_TAP, _IFF_NO_PI = 0x0002, 0x1000
_SOL_PACKET, _PACKET_AUXDATA = 263, 8  # linux/if_packet.h
_TP_STATUS_VLAN_VALID = 1 << 4
_ETH_P_ALL = 0x0003
_AUXDATA = struct.Struct("=IIIHHHH")
_FRAME_BYTES_MAX = 2048
_MACS = 12


def relay(device: str, name: str, tag: int) -> None:
    """Carry frames both ways until killed."""
    tap = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tap, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TAP | _IFF_NO_PI))
    # Before the first frame can come in: one that is down refuses it with an error.
    subprocess.run(["ip", "link", "set", name, "up"], check=True, timeout=10)
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
    wire.bind((device, _ETH_P_ALL))
    # The kernel takes the outermost tag off a received frame and tells it here.
    wire.setsockopt(_SOL_PACKET, _PACKET_AUXDATA, 1)
    header = struct.pack("!HH", 0x8100, tag)
    print("ready", flush=True)
    while True:
        readable, _, _ = select.select([tap, wire], [], [])
        if tap in readable:
            frame = os.read(tap, _FRAME_BYTES_MAX)
            wire.send(frame[:_MACS] + header + frame[_MACS:])
        if wire in readable:
            frame = _tagged(wire, tag)
            if frame:
                os.write(tap, frame)


def _tagged(wire: socket.socket, tag: int) -> bytes:
    """The next frame if it came in with our tag, without it; else nothing."""
    space = socket.CMSG_SPACE(_AUXDATA.size)
    frame, ancillary, _, address = wire.recvmsg(_FRAME_BYTES_MAX, space)
    if address[2] == socket.PACKET_OUTGOING:
        return b""
    for level, kind, data in ancillary:
        if (level, kind) == (_SOL_PACKET, _PACKET_AUXDATA):
            status, *_, tci, _tpid = _AUXDATA.unpack(data)
            if status & _TP_STATUS_VLAN_VALID and tci & 0xFFF == tag:
                return frame
    return b""


if __name__ == "__main__":
    relay(sys.argv[1], sys.argv[2], int(sys.argv[3]))

"""A VLAN interface in user space: ``vlan_relay.py DEVICE NAME TAG [LOST LATE]``.

For kernels without 802.1Q, and for a bad line on kernels without netem. Makes a tap interface NAME.
Frames that the host sends there leave on DEVICE with the tag, and frames that arrive on DEVICE with
the tag arrive on NAME. Of a thousand sent frames, LOST are lost and LATE are overtaken by others.
Runs in the peer's namespace; the interface disappears with the process.
"""

from __future__ import annotations

import fcntl
import os
import random
import select
import socket
import struct
import subprocess
import sys
import time

_TUNSETIFF = 0x400454CA  # linux/if_tun.h
_IFF_TAP, _IFF_NO_PI = 0x0002, 0x1000
_SOL_PACKET, _PACKET_AUXDATA = 263, 8  # linux/if_packet.h
_TP_STATUS_VLAN_VALID = 1 << 4
_ETH_P_ALL = 0x0003
_AUXDATA = struct.Struct("=IIIHHHH")
_FRAME_BYTES_MAX = 2048
_MACS = 12
_LATE_S = 0.003


class _Line:
    """Sends frames; loses some, and delays others so that later frames overtake them."""

    def __init__(self, wire: socket.socket, lost: int, late: int) -> None:
        self._wire, self._lost, self._late = wire, lost, late
        self._random = random.Random(78)
        self._held: list[tuple[float, bytes]] = []

    def send(self, frame: bytes) -> None:
        chance = self._random.randrange(1000)
        if chance < self._lost:
            return
        if chance < self._lost + self._late:
            self._held.append((time.monotonic() + _LATE_S, frame))
        else:
            self._wire.send(frame)

    def send_late(self) -> float | None:
        """Send the delayed frames that are due; returns the time until the next one is due."""
        now = time.monotonic()
        while self._held and self._held[0][0] <= now:
            self._wire.send(self._held.pop(0)[1])
        return self._held[0][0] - now if self._held else None


def relay(device: str, name: str, tag: int, lost: int = 0, late: int = 0) -> None:
    """Forward frames in both directions until killed."""
    tap = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tap, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TAP | _IFF_NO_PI))
    # Before the first frame can arrive: an interface that is down rejects it with an error.
    subprocess.run(["ip", "link", "set", name, "up"], check=True, timeout=180)
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
    wire.bind((device, _ETH_P_ALL))
    # The kernel removes the outermost tag of a received frame and reports it in this way.
    wire.setsockopt(_SOL_PACKET, _PACKET_AUXDATA, 1)
    header = struct.pack("!HH", 0x8100, tag)
    line = _Line(wire, lost, late)
    print("ready", flush=True)
    while True:
        readable, _, _ = select.select([tap, wire], [], [], line.send_late())
        if tap in readable:
            frame = os.read(tap, _FRAME_BYTES_MAX)
            line.send(frame[:_MACS] + header + frame[_MACS:])
        if wire in readable:
            frame = _tagged(wire, tag)
            if frame:
                os.write(tap, frame)


def _tagged(wire: socket.socket, tag: int) -> bytes:
    """The next frame without its tag, if it arrived with this tag; else empty."""
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
    relay(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))

"""Packets that the kernel drops at a port on packet sockets: the driver (af_packet) does not count
them.

Each socket's ring has few frames, and packets that arrive while it is full are lost. Reading the
kernel's counter resets it; a driver that reads it too gets a part of the sum.
"""

from __future__ import annotations

import os
import socket
import struct
from contextlib import suppress
from pathlib import Path

_SOL_PACKET, _PACKET_STATISTICS = 263, 6  # linux/if_packet.h
_STATISTICS = struct.Struct("2I")
_FDS = Path("/proc/self/fd")


class PacketSocketDrops:
    """The sockets of one interface in this process, each with a duplicate descriptor."""

    def __init__(self, sockets: list[socket.socket]) -> None:
        self._sockets = sockets
        self._dropped = 0

    def __bool__(self) -> bool:
        return bool(self._sockets)

    def total(self) -> int:
        """Frames dropped so far."""
        for each in self._sockets:
            with suppress(OSError):
                answer = each.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, _STATISTICS.size)
                self._dropped += _STATISTICS.unpack(answer)[1]
        return self._dropped

    def close(self) -> None:
        """Close before the driver closes its own; may be called again."""
        while self._sockets:
            self._sockets.pop().close()


def drops_of(interface: str | None) -> PacketSocketDrops:
    """The drops of this process's packet sockets on an interface; None: there is no such socket."""
    if interface is None:
        return PacketSocketDrops([])
    fds = [int(path.name) for path in _FDS.iterdir()]
    found = [each for fd in fds if (each := _packet_socket(fd, interface))]
    return PacketSocketDrops(found)


def _packet_socket(fd: int, interface: str) -> socket.socket | None:
    try:
        if not str((_FDS / str(fd)).readlink()).startswith("socket:"):
            return None
        found = socket.socket(fileno=os.dup(fd))
    except OSError:
        return None
    with suppress(OSError):
        if found.family == socket.AF_PACKET and found.getsockname()[0] == interface:
            return found
    found.close()
    return None

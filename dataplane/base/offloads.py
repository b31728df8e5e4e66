"""Receive offloads of kernel interfaces below virtual ports.

Coalescing (GRO, LRO) merges several segments into one packet larger than the MTU. A port on the
interface gets only its beginning: it is dropped as ``ip_length``, and TCP stalls. The kernel is
queried and configured by ioctl (linux/ethtool.h); a change needs CAP_NET_ADMIN.
"""

from __future__ import annotations

import ctypes
import fcntl
import socket
import struct
from collections.abc import Callable

SIOCETHTOOL = 0x8946
GSTRINGS, GSSET_INFO, GFEATURES, SFEATURES = 0x1B, 0x37, 0x3A, 0x3B
SS_FEATURES = 4
NAME_BYTES = 32
COALESCING = {"rx-gro": "gro", "rx-lro": "lro", "rx-gro-hw": "rx-gro-hw"}
"""The kernel's name of each feature, and ethtool's option."""
_NAMES_MAX = 1024
_BLOCK = struct.Struct("4I")  # available, requested, active, never changed
_CHANGE = struct.Struct("2I")  # which, and to what

Ask = Callable[[str, bytearray], None]


def ask_kernel(interface: str, command: bytearray) -> None:
    """Execute a command of ethtool, which fills its buffer; OSError."""
    buffer = (ctypes.c_char * len(command)).from_buffer(command)
    request = bytearray(struct.pack("16sP16x", interface.encode(), ctypes.addressof(buffer)))
    # Any socket works, and a unit allows this family.
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as asking:
        fcntl.ioctl(asking, SIOCETHTOOL, request)


def coalescing(interface: str, ask: Ask = ask_kernel) -> tuple[str, ...]:
    """The features of `COALESCING` that are on; empty if there is no such interface."""
    try:
        names = _names(interface, ask)
        active = _active(interface, len(names), ask)
    except OSError:
        return ()
    return tuple(name for index, name in names.items() if name in COALESCING and active[index])


def stop_coalescing(interface: str, ask: Ask = ask_kernel) -> tuple[str, ...]:
    """Switch all of them off; returns those that are still on: fixed by the driver, or not
    permitted."""
    on = coalescing(interface, ask)
    if not on:
        return ()
    try:
        names = _names(interface, ask)
        blocks = _blocks(len(names))
        which = [0] * blocks
        for index, name in names.items():
            if name in on:
                which[index // 32] |= 1 << index % 32
        changes = b"".join(_CHANGE.pack(mask, 0) for mask in which)
        ask(interface, bytearray(struct.pack("2I", SFEATURES, blocks) + changes))
    except OSError:
        return on
    return coalescing(interface, ask)


def remedy(interface: str, on: tuple[str, ...]) -> str:
    """The command that switches them off."""
    return f"ethtool -K {interface} " + " ".join(f"{COALESCING[name]} off" for name in on)


def _names(interface: str, ask: Ask) -> dict[int, str]:
    sets = bytearray(struct.pack("2IQI", GSSET_INFO, 0, 1 << SS_FEATURES, 0))
    ask(interface, sets)
    count = min(struct.unpack_from("2IQI", sets)[3], _NAMES_MAX)
    strings = bytearray(struct.pack("3I", GSTRINGS, SS_FEATURES, count))
    start = len(strings)
    strings += bytes(count * NAME_BYTES)
    ask(interface, strings)
    found = (strings[start + i * NAME_BYTES :][:NAME_BYTES] for i in range(count))
    return {i: bytes(name).rstrip(b"\0").decode("ascii", "replace") for i, name in enumerate(found)}


def _active(interface: str, count: int, ask: Ask) -> list[bool]:
    command = bytearray(struct.pack("2I", GFEATURES, _blocks(count)))
    start = len(command)
    command += bytes(_blocks(count) * _BLOCK.size)
    ask(interface, command)
    words = [block[2] for block in _BLOCK.iter_unpack(command[start:])]
    return [bool(words[i // 32] >> i % 32 & 1) for i in range(count)]


def _blocks(count: int) -> int:
    return -(-count // 32)

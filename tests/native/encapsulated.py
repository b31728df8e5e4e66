"""Frames that carry an IP packet inside MPLS or a PPPoE session, made from bare ones."""

from __future__ import annotations

import struct

from dataplane.native.abi import Encapsulation
from tests.native import frames

BOTTOM = 1 << 8
LABEL = 1_000
"""Of no special meaning: those below 16 are reserved (RFC 3032, section 2.1)."""
TAGS = {0x8100, 0x88A8, 0x9100}
PPP = {0x0800: 0x21, 0x86DD: 0x57}


def label_stack(*labels: int) -> bytes:
    """Entries with TTL 64, the last of which is the bottom."""
    entries = [label << 12 | 64 for label in labels]
    return b"".join(struct.pack("!I", one) for one in [*entries[:-1], entries[-1] | BOTTOM])


def session(payload: bytes, *, header: bytes = b"\x11\0", surplus: int = 0) -> bytes:
    """A PPPoE header ahead of PPP's protocol and what follows; ``surplus``: bytes more claimed."""
    return header + struct.pack("!HH", 5, len(payload) + surplus) + payload


def split(frame: bytes) -> tuple[bytes, int, bytes]:
    """Stations and tags of a frame, the EtherType behind them, and the rest."""
    at = 12
    while int.from_bytes(frame[at : at + 2], "big") in TAGS:
        at += 4
    return frame[:at], int.from_bytes(frame[at : at + 2], "big"), frame[at + 2 :]


def in_mpls(frame: bytes, *labels: int, ethertype: int = 0x8847) -> bytes:
    """The frame, its network packet behind a label stack; behind its tags, as before."""
    link, _, packet = split(frame)
    return link + ethertype.to_bytes(2, "big") + label_stack(*(labels or (LABEL,))) + packet


def in_pppoe(frame: bytes, *, compressed: bool = False) -> bytes:
    """The frame, its network packet in a PPPoE session."""
    link, ethertype, packet = split(frame)
    protocol = PPP[ethertype].to_bytes(1 if compressed else 2, "big")
    return link + b"\x88\x64" + session(protocol + packet)


def good(kind: Encapsulation, name: str, link: str = "untagged") -> bytes:
    """A good frame of ``frames``, encapsulated."""
    bare = frames.good(name, link)
    return in_mpls(bare) if kind is Encapsulation.MPLS else in_pppoe(bare)

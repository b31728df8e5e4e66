"""Converts packets of other link types to Ethernet frames, and removes check sequences from frames.

An Ethernet header with zero addresses is written before the network header, within the window: over
the link's own header, and over parsed bytes of the record. There is always room for its 14 bytes: a
pcap record begins with 16 bytes, and a pcapng block with 12, after the 4 bytes that end the block
before it.

Layouts: https://www.tcpdump.org/linktypes.html
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from dataplane.pcap.common import LINK_TYPE_ETHERNET

Place: TypeAlias = tuple[int, int, int]
"""Position of a packet in the window, bytes captured, bytes on the wire."""
Adjust: TypeAlias = Callable[[bytearray, Place], Place]
"""The packet as a frame; may write before its position."""

NULL, RAW, LOOP, LINUX_SLL, IPV4, IPV6, LINUX_SLL2 = 0, 101, 108, 113, 228, 229, 276
LINK_TYPES = (LINK_TYPE_ETHERNET, NULL, RAW, LOOP, LINUX_SLL, IPV4, IPV6, LINUX_SLL2)
_ETHERNET_BYTES = 14
_NO_ETHERTYPE = 0xFFFF
"""A reserved EtherType: packets that are not network packets pass without judgement."""
_OF_VERSION = {4: 0x0800, 6: 0x86DD}
_NOT_BY_ETHERTYPE = {778, 803, 824}
"""ARPHRD types of cooked captures with another meaning of the protocol field: GRE, radiotap,
netlink."""
_WORD = struct.Struct(">H")


def adjustment(link_type: int, fcs_bytes: int) -> Adjust | None:
    """The conversion of an interface's packets to frames; None: none is needed.

    Only for one of `LINK_TYPES`.
    """
    framed = _FRAMED.get(link_type)
    if not fcs_bytes:
        return framed
    return partial(_without_fcs, fcs_bytes, framed)


def fcs_bytes_of(option: int) -> int:
    """Bytes of ``if_fcslen`` (pcapng, 4.2): its text says bits, its example and
    practice use bytes."""
    return option // 8 if option >= 16 else option  # noqa: PLR2004 - no sequence has 16 bytes


def _without_fcs(fcs_bytes: int, framed: Adjust | None, window: bytearray, place: Place) -> Place:
    start, captured, length = place
    length = max(0, length - fcs_bytes)
    place = start, min(captured, length), length
    return framed(window, place) if framed else place


def _behind(window: bytearray, place: Place, header: int, ethertype: int) -> Place:
    """A frame from the data after a link's header."""
    start, captured, length = place
    begin = start + header - _ETHERNET_BYTES
    window[begin : begin + 12] = bytes(12)
    _WORD.pack_into(window, begin + 12, ethertype)
    more = _ETHERNET_BYTES - header
    return begin, captured + more, length + more


def _from_version(header: int, window: bytearray, place: Place) -> Place:
    start, captured, _ = place
    if captured <= header:
        return _cut(place)
    ethertype = _OF_VERSION.get(window[start + header] >> 4, _NO_ETHERTYPE)
    return _behind(window, place, header, ethertype)


def _of_family(ethertype: int, window: bytearray, place: Place) -> Place:
    return _behind(window, place, 0, ethertype)


def _cooked(header: int, protocol: int, hardware: int, window: bytearray, place: Place) -> Place:
    start, captured, _ = place
    if captured < header:
        return _cut(place)
    (ethertype,) = _WORD.unpack_from(window, start + protocol)
    (kind,) = _WORD.unpack_from(window, start + hardware)
    return _behind(window, place, header, _NO_ETHERTYPE if kind in _NOT_BY_ETHERTYPE else ethertype)


def _cut(place: Place) -> Place:
    """A frame without any byte of its network header."""
    start, _, length = place
    return start, 0, length + _ETHERNET_BYTES


_FRAMED: dict[int, Adjust] = {
    NULL: partial(_from_version, 4),
    LOOP: partial(_from_version, 4),
    RAW: partial(_from_version, 0),
    IPV4: partial(_of_family, _OF_VERSION[4]),
    IPV6: partial(_of_family, _OF_VERSION[6]),
    LINUX_SLL: partial(_cooked, 16, 14, 2),
    LINUX_SLL2: partial(_cooked, 20, 0, 8),
}

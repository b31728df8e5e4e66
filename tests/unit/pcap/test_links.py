"""Packets of other links than Ethernet become frames; check sequences are removed."""

from __future__ import annotations

import struct

import pytest

from dataplane.pcap import CapturedPacket
from tests.unit.pcap.captures import block, enhanced, interface, option, read, section


def test_an_interface_of_a_foreign_link_type_does_no_harm_without_packets() -> None:
    content = section("<") + interface("<") + interface("<", link_type=105)
    assert len(read(content + enhanced("<", 1, b"x", 1))) == 1


ETHERNET = bytes(12) + b"\x08\x00"
IPV4 = b"\x45" + bytes(range(1, 40))
IPV6 = b"\x60" + bytes(range(1, 50))
ARP = b"\x00\x01\x08\x00" + bytes(24)
LINK_TYPES = [
    (101, b"", IPV4, ETHERNET),
    (101, b"", IPV6, bytes(12) + b"\x86\xdd"),
    (101, b"", b"\x00" * 20, bytes(12) + b"\xff\xff"),
    (228, b"", IPV4, ETHERNET),
    (229, b"", IPV6, bytes(12) + b"\x86\xdd"),
    (0, b"\x02\x00\x00\x00", IPV4, ETHERNET),
    (0, b"\x00\x00\x00\x1e", IPV6, bytes(12) + b"\x86\xdd"),
    (108, b"\x00\x00\x00\x02", IPV4, ETHERNET),
    (113, b"\x00\x04\x00\x01\x00\x06" + b"\x02" * 8 + b"\x08\x00", IPV4, ETHERNET),
    (113, b"\x00\x04\x00\x01\x00\x06" + b"\x02" * 8 + b"\x08\x06", ARP, bytes(12) + b"\x08\x06"),
    (113, b"\x00\x04\x03\x38\x00\x06" + b"\x02" * 8 + b"\x08\x00", ARP, bytes(12) + b"\xff\xff"),
    (276, b"\x86\xdd" + bytes(6) + b"\x00\x01" + b"\x03" * 10, IPV6, bytes(12) + b"\x86\xdd"),
]


def of_link(link_type: int, packets: list[bytes], lengths: list[int]) -> bytes:
    parts = [struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, link_type)]
    for data, length in zip(packets, lengths, strict=True):
        parts.append(struct.pack("<IIII", 0, 0, len(data), length) + data)
    return b"".join(parts)


@pytest.mark.parametrize(("link_type", "header", "packet", "ethernet"), LINK_TYPES)
def test_packets_of_other_links_are_frames_with_the_header_of_ethernet(
    link_type: int, header: bytes, packet: bytes, ethernet: bytes
) -> None:
    raw = header + packet
    frame = CapturedPacket(0, len(ethernet + packet), ethernet + packet)
    assert read(of_link(link_type, [raw] * 3, [len(raw)] * 3)) == [frame] * 3
    blocks = b"".join(enhanced("<", 0, raw, len(raw)) for _ in range(3))
    simple = block("<", 3, struct.pack("<I", len(raw)) + raw) * 2
    assert read(section("<") + interface("<", link_type=link_type) + blocks + simple) == [frame] * 5


@pytest.mark.parametrize(("link_type", "header", "packet", "ethernet"), LINK_TYPES)
def test_packets_of_other_links_cut_anywhere_keep_their_length(
    link_type: int, header: bytes, packet: bytes, ethernet: bytes
) -> None:
    raw = header + packet
    for cut in range(len(raw)):
        (found,) = read(of_link(link_type, [raw[:cut]], [len(raw)]))
        assert (ethernet + packet).startswith(found.data)
        assert found.length >= len(ethernet + packet) if found.data == b"" else True


def test_interfaces_of_one_file_may_be_of_different_links() -> None:
    content = section("<") + interface("<") + interface("<", link_type=101)
    content += enhanced("<", 0, ETHERNET + IPV4, 54) + enhanced("<", 0, IPV4, 40, number=1)
    assert read(content) == [CapturedPacket(0, 54, ETHERNET + IPV4)] * 2


FRAME = ETHERNET + IPV4 + bytes(6)
FCS = b"\xde\xad\xbe\xef"


@pytest.mark.parametrize("fcs", [4, 32])
def test_a_check_sequence_is_not_part_of_a_frame(fcs: int) -> None:
    """``if_fcslen`` is in bits by the text of the format, and in bytes by its example."""
    content = section("<") + interface("<", option("<", 13, bytes([fcs])))
    content += enhanced("<", 0, FRAME + FCS, 64) + enhanced("<", 0, FRAME[:40], 64)
    assert read(content) == [CapturedPacket(0, 60, FRAME), CapturedPacket(0, 60, FRAME[:40])]


def test_a_packet_may_say_itself_that_it_has_a_check_sequence() -> None:
    head = struct.pack("<IIIII", 0, 0, 0, 64, 64) + FRAME + FCS
    flags = option("<", 2, struct.pack("<I", 4 << 5)) + option("<", 0, b"")
    content = section("<") + interface("<") + block("<", 6, head + flags)
    assert read(content) == [CapturedPacket(0, 60, FRAME)]


def test_a_classic_header_may_say_that_frames_have_check_sequences() -> None:
    link_type = 1 | 0x04000000 | 2 << 28
    assert read(of_link(link_type, [FRAME + FCS], [64])) == [CapturedPacket(0, 60, FRAME)]

"""Captures that are cut, damaged or none at all: what lies before is read, the offset is named."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataplane.pcap import BLOCK_BYTES_MAX, CAPTURED_BYTES_MAX, CapturedPacket
from tests.unit.pcap.captures import (
    PACKETS,
    block,
    classic,
    enhanced,
    interface,
    micro,
    option,
    pcapng,
    read,
    read_until_error,
    section,
)


@pytest.mark.parametrize(
    "whole",
    [
        classic("<", 0xA1B23C4D, PACKETS, 1),
        classic(">", 0xA1B2C3D4, [micro(p) for p in PACKETS], 1000),
        pcapng("<", PACKETS),
        pcapng(">", PACKETS),
    ],
    ids=["pcap", "pcap-swapped", "pcapng", "pcapng-swapped"],
)
def test_cut_at_any_byte_what_lies_before_is_delivered_and_the_offset_is_named(
    whole: bytes,
) -> None:
    expected = read(whole)
    clean = []
    for size in range(len(whole)):
        packets, error = read_until_error(whole[:size])
        assert packets == expected[: len(packets)]
        if error is None:
            clean.append(size)
            continue
        assert error.offset <= size
        assert f"at byte {error.offset}" in str(error)
    # A file may end after its header (or its blocks without packets) and after each packet.
    assert len(clean) in (len(PACKETS), len(PACKETS) + 1)
    assert read_until_error(whole)[1] is None


def pcap_of(captured: int, link_type: int = 1) -> bytes:
    header = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, link_type)
    return header + struct.pack("<IIII", 0, 0, captured, captured)


@pytest.mark.parametrize(
    ("content", "offset", "says"),
    [
        (b"", 0, "too short"),
        (b"\xd4\xc3\xb2", 0, "too short"),
        (b"\x1f\x8b\x08\x00....", 0, "compressed with gzip"),
        (b"\x28\xb5\x2f\xfd....", 0, "compressed with zstd"),
        (b"GET / HTTP/1.1", 0, "neither pcap nor pcapng"),
        (pcap_of(0, link_type=105), 20, "link type is 105"),
        (pcap_of(CAPTURED_BYTES_MAX + 1), 24, str(CAPTURED_BYTES_MAX)),
        (pcap_of(0xFFFFFFFF), 24, str(CAPTURED_BYTES_MAX)),
        (section("<")[:8] + bytes(20), 8, "byte-order magic"),
        (section("<").replace(b"\x01\x00\x00\x00", b"\x02\x00\x00\x00"), 12, "version is 2"),
        (section("<") + struct.pack("<III", 5, 13, 0), 28, "13 bytes"),
        (section("<") + struct.pack("<III", 5, 8, 0), 28, "8 bytes"),
        (section("<") + struct.pack("<III", 5, BLOCK_BYTES_MAX + 4, 0), 28, str(BLOCK_BYTES_MAX)),
        (section("<") + struct.pack("<IIII", 5, 16, 0, 20), 40, "lengths differ"),
        (section("<") + block("<", 1, b""), 28, "too short for its fields"),
        (section("<") + interface("<", link_type=105) + enhanced("<", 0, b"", 0), 48, "is 105"),
        (section("<") + interface("<", option("<", 9, b"\x06\x06")), 28, "if_tsresol"),
        (section("<") + interface("<", option("<", 14, b"\x06")), 28, "if_tsoffset"),
        (
            section("<") + interface("<") + enhanced("<", (1 << 64) - 1, b"", 0),
            48,
            "beyond 64 bits",
        ),
        (
            section("<") + interface("<") + block("<", 6, struct.pack("<IIIII", 0, 0, 0, 9, 9)),
            48,
            "9 captured bytes, limit 0",
        ),
    ],
)
def test_what_is_no_capture_is_named_with_its_offset(
    content: bytes, offset: int, says: str
) -> None:
    packets, error = read_until_error(content)
    assert packets == []
    assert error is not None
    assert error.offset == offset
    assert says in str(error)


def test_more_interfaces_than_the_limit_are_refused() -> None:
    _, error = read_until_error(section("<") + interface("<") * 4097)
    assert error is not None
    assert "more than 4096 interfaces" in str(error)


@settings(deadline=None)
@given(content=st.binary(max_size=400), start=st.sampled_from(["pcap", "pcapng", "none"]))
def test_any_bytes_are_read_or_refused(content: bytes, start: str) -> None:
    begin = {
        "pcap": classic("<", 0xA1B2C3D4, [], 1),
        "pcapng": section("<") + interface("<"),
        "none": b"",
    }[start]
    read_until_error(begin + content)


def mutations(whole: bytes) -> Iterator[bytes]:
    for position in range(len(whole)):
        for value in (0x00, 0xFF, whole[position] ^ 0x01, whole[position] ^ 0x80):
            yield whole[:position] + bytes([value]) + whole[position + 1 :]


@pytest.mark.parametrize("build", [pcapng, lambda o, p: classic(o, 0xA1B23C4D, p, 1)])
def test_any_wrong_byte_gives_packets_or_an_error(
    build: Callable[[str, list[CapturedPacket]], bytes],
) -> None:
    for content in mutations(build("<", PACKETS)):
        read_until_error(content)

"""Both formats are read, in both byte orders and every resolution."""

from __future__ import annotations

import io
import struct

import pytest

from dataplane.pcap import CapturedPacket, CaptureWriter, read_batches
from tests.unit.pcap.captures import (
    NS,
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


@pytest.mark.parametrize("order", ["<", ">"])
def test_pcap_is_read_in_both_byte_orders_and_resolutions(order: str) -> None:
    assert read(classic(order, 0xA1B23C4D, PACKETS, 1)) == PACKETS
    assert read(classic(order, 0xA1B2C3D4, PACKETS, 1000)) == [micro(p) for p in PACKETS]


@pytest.mark.parametrize("order", ["<", ">"])
def test_pcapng_is_read_in_both_byte_orders(order: str) -> None:
    assert read(pcapng(order, PACKETS)) == PACKETS


def test_sections_have_their_own_byte_order_and_interfaces() -> None:
    content = pcapng("<", PACKETS) + pcapng(">", PACKETS)
    assert read(content) == PACKETS + PACKETS
    orphan = pcapng("<", PACKETS) + section(">") + enhanced(">", 1, b"x", 1)
    packets, error = read_until_error(orphan)
    assert packets == PACKETS
    assert error is not None
    assert "packet of interface 0, but 0 are described" in str(error)


@pytest.mark.parametrize(
    ("options", "units", "expected_ns"),
    [
        (b"", 1_000_001, 1_000_001_000),
        (option("<", 9, b"\x00"), 3, 3_000_000_000),
        (option("<", 9, b"\x0c"), 5_000, 5),
        (option("<", 9, b"\x8a"), 1024 + 512, 1_500_000_000),
        (option("<", 9, b"\xa0"), 1 << 31, 500_000_000),
        (option("<", 14, struct.pack("<q", 10)), 1, 10_000_001_000),
        (option("<", 14, struct.pack("<q", -1)), 1_000_000, 0),
        (option("<", 2, b"eth0") + option("<", 9, b"\x09"), 7, 7),
        (option("<", 0, b"") + option("<", 9, b"\x09"), 7, 7_000),
    ],
)
def test_timestamps_follow_the_interface(options: bytes, units: int, expected_ns: int) -> None:
    content = section("<") + interface("<", options) + enhanced("<", units, b"x", 1)
    assert [packet.timestamp_ns for packet in read(content)] == [expected_ns]


def test_each_packet_is_read_with_its_interfaces_resolution() -> None:
    content = (
        section("<")
        + interface("<")
        + interface("<", option("<", 9, b"\x09"))
        + enhanced("<", 1, b"x", 1, number=1)
        + enhanced("<", 1, b"x", 1, number=0)
    )
    assert [packet.timestamp_ns for packet in read(content)] == [1, 1000]


def test_a_simple_packet_takes_the_time_before_it_and_the_snaplen() -> None:
    simple = block("<", 3, struct.pack("<I", 100) + b"s" * 8)
    content = section("<") + interface("<", snaplen=8) + enhanced("<", 5, b"x", 1) + simple
    assert read(content)[1] == CapturedPacket(5_000, 100, b"s" * 8)


def test_an_obsolete_packet_block_is_read() -> None:
    head = struct.pack("<HHIIII", 0, 0, 0, 9, 3, 77)
    content = section("<") + interface("<") + block("<", 2, head + b"old")
    assert read(content) == [CapturedPacket(9_000, 77, b"old")]


def test_unknown_blocks_are_skipped() -> None:
    unknown = block("<", 0x0BAD, b"anything at all")
    content = section("<") + unknown + interface("<") + unknown + enhanced("<", 1, b"x", 1)
    assert len(read(content)) == 1


@pytest.mark.parametrize("chunk_bytes", [1, 2, 3, 7, 16, 24, 61, 100])
def test_the_size_of_the_pieces_does_not_matter(chunk_bytes: int) -> None:
    for content in (classic("<", 0xA1B23C4D, PACKETS, 1), pcapng(">", PACKETS)):
        packets, error = read_until_error(content, max(chunk_bytes, 4))
        assert (packets, error) == (PACKETS, None)


def test_a_wire_length_below_the_captured_bytes_is_not_believed() -> None:
    content = classic("<", 0xA1B23C4D, [CapturedPacket(1, 2, b"four")], 1)
    assert read(content) == [CapturedPacket(1, 4, b"four")]


@pytest.mark.parametrize("pcapng", [False, True])
def test_a_batch_is_bounded_however_long_the_file(pcapng: bool) -> None:
    file = io.BytesIO()
    writer = CaptureWriter(file, pcapng=pcapng)
    for _ in range(3000):
        writer.write(NS, b"x" * 1500)
    file.seek(0)
    batches = [(len(batch.buffer), batch.count) for batch in read_batches(file, 4096)]
    assert max(size for size, _ in batches) < 4096 + 1600
    assert sum(count for _, count in batches) == 3000

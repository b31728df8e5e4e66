"""Captures: both formats, both byte orders, every resolution, cut anywhere."""

from __future__ import annotations

import io
import struct
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataplane.base.errors import InvalidInputError
from dataplane.pcap import (
    BLOCK_BYTES_MAX,
    CAPTURED_BYTES_MAX,
    AnnotatedCapture,
    CapturedPacket,
    CaptureError,
    CaptureWriter,
    create_capture,
    read_batches,
    read_packets,
)

NS = 1_700_000_000_123_456_789
PACKETS = [
    CapturedPacket(NS, 60, b"\x01" * 60),
    CapturedPacket(NS + 1, 1514, b"\x02" * 61),
    CapturedPacket(NS + 5_000_000_000, 3, b"abc"),
]


def classic(order: str, magic: int, packets: list[CapturedPacket], ns_per_unit: int) -> bytes:
    parts = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65535, 1)]
    for packet in packets:
        seconds, ns = divmod(packet.timestamp_ns, 1_000_000_000)
        size = len(packet.data)
        parts.append(struct.pack(order + "IIII", seconds, ns // ns_per_unit, size, packet.length))
        parts.append(packet.data)
    return b"".join(parts)


def block(order: str, kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    size = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + size + body + size


def section(order: str) -> bytes:
    return block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))


def interface(order: str, options: bytes = b"", link_type: int = 1, snaplen: int = 0) -> bytes:
    return block(order, 1, struct.pack(order + "HHI", link_type, 0, snaplen) + options)


def option(order: str, code: int, value: bytes) -> bytes:
    return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)


def enhanced(order: str, units: int, data: bytes, length: int, number: int = 0) -> bytes:
    head = struct.pack(order + "IIIII", number, units >> 32, units & 0xFFFFFFFF, len(data), length)
    return block(order, 6, head + data)


def pcapng(order: str, packets: list[CapturedPacket]) -> bytes:
    nanoseconds = option(order, 9, b"\x09") + option(order, 0, b"")
    blocks = [enhanced(order, p.timestamp_ns, p.data, p.length) for p in packets]
    return section(order) + interface(order, nanoseconds) + b"".join(blocks)


def read(content: bytes) -> list[CapturedPacket]:
    return list(read_packets(io.BytesIO(content)))


def read_until_error(
    content: bytes, chunk_bytes: int = 1 << 20
) -> tuple[list[CapturedPacket], CaptureError | None]:
    packets: list[CapturedPacket] = []
    try:
        for batch in read_batches(io.BytesIO(content), chunk_bytes):
            packets.extend(batch.packet(index) for index in range(batch.count))
    except CaptureError as error:
        return packets, error
    return packets, None


def micro(packet: CapturedPacket) -> CapturedPacket:
    return packet._replace(timestamp_ns=packet.timestamp_ns // 1000 * 1000)


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


@pytest.mark.parametrize("chunk_bytes", [1, 2, 3, 7, 16, 24, 61, 100])
def test_the_size_of_the_pieces_does_not_matter(chunk_bytes: int) -> None:
    for content in (classic("<", 0xA1B23C4D, PACKETS, 1), pcapng(">", PACKETS)):
        packets, error = read_until_error(content, max(chunk_bytes, 4))
        assert (packets, error) == (PACKETS, None)


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


def test_more_interfaces_than_the_limit_are_refused() -> None:
    _, error = read_until_error(section("<") + interface("<") * 4097)
    assert error is not None
    assert "more than 4096 interfaces" in str(error)


def test_a_wire_length_below_the_captured_bytes_is_not_believed() -> None:
    content = classic("<", 0xA1B23C4D, [CapturedPacket(1, 2, b"four")], 1)
    assert read(content) == [CapturedPacket(1, 4, b"four")]


packet_lists = st.lists(
    st.builds(
        lambda ns, data, cut: CapturedPacket(ns, len(data) + cut, data),
        st.integers(0, (1 << 32) * 1_000_000_000 - 1),
        st.binary(max_size=300),
        st.integers(0, 2000),
    ),
    max_size=20,
)


@settings(deadline=None)
@given(packets=packet_lists, pcapng=st.booleans())
def test_what_is_written_is_read_back(packets: list[CapturedPacket], pcapng: bool) -> None:
    file = io.BytesIO()
    writer = CaptureWriter(file, pcapng=pcapng)
    for packet in packets:
        writer.write(packet.timestamp_ns, packet.data, packet.length)
    assert read(file.getvalue()) == packets


@pytest.mark.parametrize(
    ("name", "magic"), [("out.pcap", "4d3cb2a1"), ("out.pcapng", "0a0d0d0a"), ("out", "4d3cb2a1")]
)
def test_the_name_of_the_output_decides_its_format(tmp_path: Path, name: str, magic: str) -> None:
    create_capture(tmp_path / name).close()
    assert (tmp_path / name).read_bytes()[:4].hex() == magic


def test_a_full_disk_is_named() -> None:
    with pytest.raises(InvalidInputError, match="No space left"):
        create_capture(Path("/dev/full")).close()


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


def test_a_batch_is_written_by_index(tmp_path: Path) -> None:
    (batch,) = read_batches(io.BytesIO(pcapng("<", PACKETS)))
    with create_capture(tmp_path / "out.pcap") as writer:
        writer.write_batch(batch, array("I", [2, 0]))
    with (tmp_path / "out.pcap").open("rb") as file:
        assert list(read_packets(file)) == [PACKETS[2], PACKETS[0]]


def test_a_time_that_pcap_cannot_hold_is_refused(tmp_path: Path) -> None:
    late = (1 << 32) * 1_000_000_000
    with (
        create_capture(tmp_path / "out.pcap") as writer,
        pytest.raises(InvalidInputError, match="pcapng"),
    ):
        writer.write(late, b"x")
    with create_capture(tmp_path / "out.pcapng") as writer:
        writer.write(late, b"x")


def test_an_output_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="can't be written"):
        create_capture(tmp_path / "none" / "out.pcap")


def test_scapy_reads_what_we_write(tmp_path: Path) -> None:
    from scapy.utils import RawPcapNgReader, RawPcapReader  # noqa: PLC0415  slow to import

    for name, reader in (("out.pcap", RawPcapReader), ("out.pcapng", RawPcapNgReader)):
        with create_capture(tmp_path / name) as writer:
            for packet in PACKETS:
                writer.write(packet.timestamp_ns, packet.data, packet.length)
        with reader(str(tmp_path / name)) as packets:
            assert [data for data, _ in packets] == [packet.data for packet in PACKETS]


def test_an_annotated_capture_is_a_capture_for_every_reader() -> None:
    file = AnnotatedCapture(("outside", "inside"), comment="all of it", application="tests")
    for packet, port in zip(PACKETS, ("inside", "outside") * len(PACKETS), strict=False):
        file.add(packet.timestamp_ns, packet.data, packet.length, port=port, comment="why \u00e9")
    assert read(file.content()) == PACKETS
    assert file.content().count("why \u00e9".encode()) == len(PACKETS)


def test_an_annotated_capture_knows_its_interfaces() -> None:
    file = AnnotatedCapture(("outside",), comment="", application="")
    with pytest.raises(InvalidInputError, match="no interface 'beside', only outside"):
        file.add(0, b"x", 1, port="beside", comment="")

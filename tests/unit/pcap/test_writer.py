"""Captures that are written are read back, by this reader and by others."""

from __future__ import annotations

import io
from array import array
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataplane.base.errors import InvalidInputError
from dataplane.pcap import (
    AnnotatedCapture,
    CapturedPacket,
    CaptureWriter,
    create_capture,
    read_batches,
    read_packets,
)
from tests.unit.pcap.captures import PACKETS, pcapng, read

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

"""Captures built byte by byte, in both formats and byte orders, and their readers."""

from __future__ import annotations

import io
import struct

from dataplane.pcap import CapturedPacket, CaptureError, read_batches, read_packets

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

"""Sources, entries and frames of the benchmarks, all from one seed."""

from __future__ import annotations

import ctypes
import random
import struct
from dataclasses import dataclass

from dataplane.native import abi
from dataplane.tables.lists import RECORD, Lists, pack_bytes

SEED = 20261124
SINGLES = 1_000_000
PREFIXES = 10_000
PREFIXES_MAX = 131_072
"""The default capacity."""
FRAME_BYTES = 60  # 64 on the wire with its checksum: the smallest frame
MAPPED = bytes(10) + b"\xff\xff"
_ETHERNET = bytes.fromhex("020000000002020000000001")
_UNICAST = [first for first in range(1, 224) if first != 127]
_PROVIDERS = 64
"""IPv6 sources and prefixes are in this many /20 networks, as real ones are in few /12."""


@dataclass(frozen=True)
class Layout:
    """Offsets of the fields that a receiver writes, from the first byte of a frame of
    one family."""

    version: int
    frame: bytes
    source_offset: int
    address_size: int
    checksum_offset: int
    tcp_offset: int
    tcp_bytes: int


def layout(version: int, options: bytes = b"") -> Layout:
    """A TCP SYN of 60 bytes, or 74 for the headers of IPv6. ``options``: a multiple of 4 bytes."""
    words = 5 + len(options) // 4
    tcp = struct.pack("!HHIIBBHHH", 40000, 80, 1, 0, words << 4, 0x02, 65535, 0, 0) + options
    if version == 4:
        frame = _ETHERNET + b"\x08\x00" + _ipv4_header(bytes(4), 0, len(tcp)) + tcp
        return Layout(4, frame.ljust(FRAME_BYTES, b"\0"), 26, 4, 24, 34, len(tcp))
    destination = bytes.fromhex("20010db8000000000000000000000001")
    header = struct.pack("!IHBB", 6 << 28, len(tcp), 6, 64) + bytes(16) + destination
    return Layout(6, _ETHERNET + b"\x86\xdd" + header + tcp, 22, 16, 0, 54, len(tcp))


def frame_from(layout: Layout, address: bytes) -> bytes:
    """The frame with this source."""
    frame = bytearray(layout.frame)
    frame[layout.source_offset : layout.source_offset + layout.address_size] = address
    if layout.checksum_offset:
        frame[layout.checksum_offset : layout.checksum_offset + 2] = checksum(address)
    return bytes(frame)


def full_lists(
    library: ctypes.CDLL, version: int, singles: ctypes.Array[abi.ListRecord] | None = None
) -> Lists:
    """A million addresses, given or random, and ten thousand prefixes of one family, all banned."""
    rng = random.Random(SEED)
    lists = Lists(library, SINGLES, PREFIXES_MAX, 1, rng.randbytes(16))
    lists.put(singles or single_records(sources(random.Random(SEED), version, SINGLES)))
    lists.put(prefix_records(rng, version, PREFIXES))
    lists.commit()
    return lists


def sources(rng: random.Random, version: int, count: int) -> list[bytes]:
    """``count`` different addresses, 4 or 16 bytes, in random order."""
    found: set[bytes] = set()
    while len(found) < count:
        found.add(address(rng, version))
    return list(found)


def single_records(addresses: list[bytes]) -> ctypes.Array[abi.ListRecord]:
    """Bans of single addresses."""
    pack = RECORD.pack
    rows = [
        pack((MAPPED + a if len(a) == 4 else a), abi.DEADLINE_NEVER, 128, 0, 0) for a in addresses
    ]
    return pack_bytes(bytearray(b"".join(rows)))


def prefix_records(rng: random.Random, version: int, count: int) -> ctypes.Array[abi.ListRecord]:
    """Bans of prefixes: IPv4 /20 to /24 anywhere, IPv6 /32 to /64 near the sources."""
    found: set[tuple[bytes, int]] = set()
    while len(found) < count:
        length = rng.randint(116, 120) if version == 4 else rng.choice((32, 40, 44, 48, 56, 64))
        source = address(rng, version)
        whole = MAPPED + source if version == 4 else source
        value = int.from_bytes(whole, "big") >> (128 - length) << (128 - length)
        found.add((value.to_bytes(16, "big"), length))
    rows = [RECORD.pack(key, abi.DEADLINE_NEVER, length, 0, 0) for key, length in found]
    return pack_bytes(bytearray(b"".join(rows)))


def address(rng: random.Random, version: int) -> bytes:
    """A random unicast source, 4 or 16 bytes."""
    if version == 4:
        return bytes([rng.choice(_UNICAST), *rng.randbytes(3)])
    provider = 0x2A000 + rng.randrange(_PROVIDERS)
    return (provider << 108 | rng.getrandbits(108)).to_bytes(16, "big")


def _ipv4_header(source: bytes, checksum: int, payload: int = 20) -> bytes:
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + payload, 1, 0x4000, 64, 6, checksum)
    return head + source + bytes([198, 51, 100, 1])


def checksum_base(payload: int = 20) -> int:
    """Sum of the IPv4 header's words without source and checksum."""
    return sum(struct.unpack("!10H", _ipv4_header(bytes(4), 0, payload)))


def tcp_checksum_base(layout: Layout) -> int:
    """Sum of the words of pseudo header and segment without source and checksum."""
    destination = layout.source_offset + layout.address_size
    end = layout.tcp_offset + layout.tcp_bytes
    words = layout.frame[destination : destination + layout.address_size]
    words += layout.frame[layout.tcp_offset : end]
    total: int = sum(struct.unpack(f"!{len(words) // 2}H", words))
    return total + 6 + layout.tcp_bytes


def checksum(source: bytes) -> bytes:
    """The checksum of the IPv4 header with this source (RFC 1071), in network byte order."""
    total = sum(struct.unpack("!10H", _ipv4_header(source, 0)))
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!H", ~total & 0xFFFF)

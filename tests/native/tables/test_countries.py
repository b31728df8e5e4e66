"""The country table against a plain search, at every boundary; what it refuses; its size."""

from __future__ import annotations

import ctypes
import errno
import random
from bisect import bisect_right

import pytest

from dataplane.base.errors import NativeError
from dataplane.base.networks import Network
from dataplane.countries.ranges import RECORD
from dataplane.native import abi
from dataplane.tables.country_table import CountryTable
from tests.native.stages.countries_support import Ranges, country_table, records

NONE: Ranges = [(0, 0)]
IPV4_LENGTHS = (1, 8, 12, 17, 18, 19, 20, 23, 24, 25, 29, 30, 31, 32)
IPV6_LENGTHS = (1, 3, 17, 18, 19, 29, 32, 48, 56, 63, 64, 65, 72, 120, 125, 126, 127, 128)
MAPPED = bytes(10) + b"\xff\xff"


def some_ranges(rng: random.Random, bits: int, count: int) -> Ranges:
    """Around a few places, so that boundaries come close to each other."""
    places = [rng.getrandbits(bits) for _ in range(5)]
    starts = {0}
    for _ in range(count):
        length = rng.choice(IPV4_LENGTHS if bits == 32 else IPV6_LENGTHS)
        near = rng.choice(places) ^ rng.getrandbits(rng.choice((4, 12, 30)))
        address = (rng.choice((near, rng.getrandbits(bits)))) >> (bits - length) << (bits - length)
        starts |= {address, (address + (1 << (bits - length))) % (1 << bits)}
    return [(first, rng.choice((0, 1, 2, abi.COUNTRY_MAX))) for first in sorted(starts)]


def key_of(address: int, bits: int) -> bytes:
    return MAPPED + address.to_bytes(4) if bits == 32 else address.to_bytes(16)


@pytest.mark.parametrize("bits", [32, 128])
@pytest.mark.parametrize("seed", range(4))
def test_every_address_has_the_country_of_its_range(
    library: ctypes.CDLL, bits: int, seed: int
) -> None:
    rng = random.Random(seed)
    for count in (0, 1, 2, 10, 300):
        ranges = some_ranges(rng, bits, count)
        starts = [first for first, _ in ranges]
        families = (ranges, NONE) if bits == 32 else (NONE, ranges)
        with country_table(library, *families) as table:
            asked = {(first + step) % (1 << bits) for first in starts for step in (-1, 0, 1, 16)}
            asked |= {rng.getrandbits(bits) for _ in range(200)}
            for address in asked:
                if bits == 128 and key_of(address, bits).startswith(MAPPED):
                    continue
                expected = ranges[bisect_right(starts, address) - 1][1]
                assert table.find(key_of(address, bits)) == expected, hex(address)


def test_a_mapped_address_is_one_of_ipv4(library: ctypes.CDLL) -> None:
    with country_table(library, [(0, 7)], [(0, 9)]) as table:
        assert table.find(Network.parse("203.0.113.7").key) == 7
        assert table.find(Network.parse("::ffff:203.0.113.7").key) == 7
        assert table.find(Network.parse("::203.0.113.7").key) == 9


@pytest.mark.parametrize(
    ("address", "country"),
    [
        ("2002:cb00:7107::1", 1),
        ("2002:cb00:7107:ffff:ffff:ffff:ffff:ffff", 1),
        ("2002:cb00:7106:ffff:ffff:ffff:ffff:ffff", 7),
        ("2002:cb00:7108::", 7),
        ("2003:cb00:7107::1", 9),
        ("2001:ffff:ffff:ffff::", 9),
        ("2001:0:cb00:7107::1", 1),
        ("2001:0:cb00:7107:ffff:ffff:ffff:ffff", 1),
        ("2001:0:cb00:7106:ffff:ffff:ffff:ffff", 7),
        ("2001:0:cb00:7108::", 7),
        ("2001:1:cb00:7107::1", 9),
        ("2000:ffff:cb00:7107::1", 9),
    ],
)
def test_a_6to4_or_teredo_address_is_where_its_ipv4_address_is(
    library: ctypes.CDLL, address: str, country: int
) -> None:
    client = int.from_bytes(Network.parse("203.0.113.7").key[12:], "big")
    with country_table(library, [(0, 7), (client, 1), (client + 1, 7)], [(0, 9)]) as table:
        assert table.find(Network.parse(address).key) == country


def test_every_slot_of_a_node_may_differ(library: ctypes.CDLL) -> None:
    """64 runs, more than a unit holds, and a child in each of them."""
    ranges = [
        (slot << 8 | half << 7, 1 + (slot * 2 + half) % 600)
        for slot in range(64)
        for half in (0, 1)
    ]
    with country_table(library, ranges, NONE) as table:
        for first, country in ranges:
            assert table.find(MAPPED + (first + 5).to_bytes(4)) == country


BAD = {
    "none": b"",
    "does not begin at 0": records([(1, 0)], 32),
    "two that begin alike": records([(0, 0), (5, 1), (5, 2)], 32),
    "descending": records([(0, 0), (5, 1), (4, 2)], 32),
    "no such country": records([(0, abi.COUNTRY_MAX + 1)], 32),
    "more than 32 bits": RECORD.pack(0, 0, 0) + RECORD.pack(1, 0, 0),
}


@pytest.mark.parametrize("ipv4", BAD.values(), ids=BAD)
def test_ranges_that_are_none_are_refused(library: ctypes.CDLL, ipv4: bytes) -> None:
    with pytest.raises(NativeError) as caught:
        CountryTable(library, ipv4 + records(NONE, 128), len(ipv4) // RECORD.size)
    assert caught.value.errno == errno.EINVAL


def test_too_many_ranges_are_refused(library: ctypes.CDLL) -> None:
    count = abi.COUNTRY_RANGES_MAX + 1
    ipv4 = b"".join(RECORD.pack(i << 32, 0, i % 2) for i in range(count))
    with pytest.raises(NativeError) as caught:
        CountryTable(library, ipv4 + records(NONE, 128), count)
    assert caught.value.errno == errno.EINVAL


def test_a_table_that_would_grow_beyond_its_bound_is_refused(library: ctypes.CDLL) -> None:
    """Single addresses far apart need a node for every six bits of each."""
    ranges = [(0, 0)]
    for i in range(1, 150_000):
        ranges += [(i << 108, 1), ((i << 108) + 1, 0)]
    with pytest.raises(NativeError) as caught:
        country_table(library, NONE, ranges)
    assert caught.value.errno == errno.ENOSPC


def test_half_a_million_prefixes_take_less_than_32_bytes_each(library: ctypes.CDLL) -> None:
    rng = random.Random(1)
    first = sorted(rng.sample(range(1 << 24), 500_000))
    ranges = [(0, 0), *((one << 8, 1 + i % 250) for i, one in enumerate(first) if one)]
    with country_table(library, ranges, NONE) as table:
        assert table.bytes < 500_000 * 32
        for one in rng.sample(range(1 << 24), 1000):
            expected = ranges[bisect_right(ranges, (one << 8, 1000)) - 1][1]
            assert table.find(MAPPED + (one << 8 | 7).to_bytes(4)) == expected


def test_a_closed_table_says_so(library: ctypes.CDLL) -> None:
    table = country_table(library, NONE, NONE)
    table.close()
    table.close()
    with pytest.raises(ValueError, match="after close"):
        table.find(bytes(16))

"""One million single addresses, and prefixes to the brim: all in, all found, no other found."""

from __future__ import annotations

import ctypes
import random

import pytest

from dataplane.tables.lists import RECORD, Lists, pack_bytes
from tests.native.tables.lists.lists_support import (
    BLACK,
    NEVER,
    Key,
    Reader,
    first_of,
    ipv4,
    key_bytes,
)

MILLION = 1_000_000
PREFIXES = 131_072
SEED = 20261124
HALF = (1 << 64) - 1


def some_ipv4(rng: random.Random, count: int) -> list[int]:
    return [ipv4(address) for address in rng.sample(range(1 << 32), count)]


def some_ipv6(rng: random.Random, count: int) -> list[int]:
    """In few /48, as hosts of one provider are; 64 random bits don't repeat."""
    return [0x20010DB8 << 96 | rng.getrandbits(4) << 80 | rng.getrandbits(64) for _ in range(count)]


def some_mixed(rng: random.Random, count: int) -> list[int]:
    return some_ipv4(rng, count // 2) + some_ipv6(rng, count - count // 2)


def keys_of(clients: list[int]) -> ctypes.Array[Key]:
    data = b"".join(
        [(c >> 64).to_bytes(8, "little") + (c & HALF).to_bytes(8, "little") for c in clients]
    )
    return (Key * len(clients)).from_buffer_copy(data)


def records_of(entries: list[tuple[int, int]]) -> bytearray:
    pack = RECORD.pack
    return bytearray(b"".join([pack(key_bytes(k), NEVER, n, BLACK, 0) for k, n in entries]))


@pytest.mark.parametrize("some", [some_ipv4, some_ipv6, some_mixed])
def test_a_million_single_addresses_all_go_in_and_only_they_are_found(library, some) -> None:  # type: ignore[no-untyped-def]
    rng = random.Random(SEED)
    clients = some(rng, MILLION + 200_000)
    inside, outside = keys_of(clients[:MILLION]), keys_of(clients[MILLION:])
    with Lists(library, MILLION, 1, 1, rng.randbytes(16)) as lists:
        records = pack_bytes(records_of([(client, 128) for client in clients[:MILLION]]))
        assert lists.put(records) == 0
        assert lists.usage().addresses_used == MILLION
        reader = Reader(library, lists.address)
        assert reader.count(inside) == MILLION
        assert reader.count(outside) == 0
        assert lists.put(records) == 0
        assert {record.result for record in records[:1000]} == {1}
        assert lists.remove(records) == MILLION
        assert reader.count(inside) == 0


@pytest.mark.parametrize("seed", range(5))
def test_the_highest_load_fits_whatever_the_hash_key(library: ctypes.CDLL, seed: int) -> None:
    rng = random.Random(seed)
    capacity = 1 << 17  # 8 a bucket: what addresses_max of a power of two gives
    clients = some_mixed(rng, capacity)
    with Lists(library, capacity, 1, 1, rng.randbytes(16)) as lists:
        assert lists.put(pack_bytes(records_of([(client, 128) for client in clients]))) == 0
        assert Reader(library, lists.address).count(keys_of(clients)) == capacity


@pytest.mark.parametrize("is_ipv6", [False, True])
def test_prefix_tables_take_their_capacity(library: ctypes.CDLL, is_ipv6: bool) -> None:
    rng = random.Random(SEED)
    prefixes: set[tuple[int, int]] = set()
    while len(prefixes) < PREFIXES:
        if is_ipv6:
            length = rng.choice([32, 40, 48, 56, 64, 80])
            prefixes.add((first_of(0x2A << 120 | rng.getrandbits(100), length), length))
        else:
            length = rng.choice([112, 116, 118, 119, 120, 124])
            prefixes.add((first_of(ipv4(rng.getrandbits(32)), length), length))
    with Lists(library, 1, PREFIXES, 1, rng.randbytes(16)) as lists:
        assert lists.put(pack_bytes(records_of(sorted(prefixes)))) == 0
        assert lists.commit()
        reader = Reader(library, lists.address)
        within = [address | rng.getrandbits(128 - length) for address, length in prefixes]
        assert reader.count(keys_of(within)) == PREFIXES
        assert reader.count(keys_of([0x2B << 120 | i for i in range(1000)])) == 0

"""Room in the tables: what has expired or was replaced never keeps new entries out."""

from __future__ import annotations

import ctypes
import random

import pytest

from dataplane.native import abi
from dataplane.tables.lists import Lists, pack
from tests.native.tables.lists.lists_support import (
    BLACK,
    NEVER,
    WHITE,
    Oracle,
    Reader,
    ipv4,
    key_bytes,
)

KEY = bytes(range(16))
MANY = 10_000
CHUNK = 500
"""What a bulk load puts between two turns of the readers."""


def batch(first: int, length: int, deadline: int, count: int = MANY):  # type: ignore[no-untyped-def]
    """Different networks of one length, in IPv4's space from 120 on, else in IPv6's."""
    base, shift = (ipv4(0), 128 - length) if length >= 96 else (0x20 << 120, 128 - length)
    return [(key_bytes(base + (first + i << shift)), length, BLACK, deadline) for i in range(count)]


def refused(lists: Lists, entries, readers: abi.Readers | None = None) -> int:  # type: ignore[no-untyped-def]
    """How many a bulk load can't put; readers turn once between its chunks."""
    failed = 0
    for start in range(0, len(entries), CHUNK):
        failed += lists.put(pack(entries[start : start + CHUNK]))
        if readers is not None:
            readers.reader[0].quiescent += 1
    return failed


@pytest.mark.parametrize("length", [120, 48])
@pytest.mark.parametrize("watched", [False, True])
def test_a_list_that_expired_whole_makes_room_for_the_next(
    library: ctypes.CDLL, length: int, watched: bool
) -> None:
    readers = abi.Readers(count=int(watched))
    with Lists(library, 64, MANY, 1, KEY, ctypes.addressof(readers)) as lists:
        for turn in range(3):
            now = 100 * turn
            lists.expire(now, 4 * MANY)
            readers.reader[0].quiescent += 1
            entries = batch(turn * MANY, length, now + 100)
            assert refused(lists, entries, readers if watched else None) == 0
            assert lists.commit()
            readers.reader[0].quiescent += 1


def test_a_list_is_loaded_again_when_it_is_over_and_nobody_has_freed_it(
    library: ctypes.CDLL,
) -> None:
    readers = abi.Readers(count=1)
    with Lists(library, 64, MANY, 1, KEY, ctypes.addressof(readers)) as lists:
        assert refused(lists, batch(0, 120, 100), readers) == 0
        assert lists.commit()
        lists.expire(100, 0)
        assert refused(lists, batch(0, 120, 200), readers) == 0


def test_addresses_that_expired_make_room_within_a_turn_of_the_readers(
    library: ctypes.CDLL,
) -> None:
    readers = abi.Readers(count=1)
    with Lists(library, 1000, 64, 1, KEY, ctypes.addressof(readers)) as lists:
        assert lists.put(pack(batch(0, 128, 100, 1000))) == 0
        lists.expire(100, 1000)
        assert lists.put(pack(batch(5000, 128, NEVER, 1000))) == 0


def test_what_expired_leaves_the_ranges_and_what_waits_for_a_commit_goes_on_waiting(
    library: ctypes.CDLL,
) -> None:
    with Lists(library, 64, MANY, 1, KEY) as lists:
        reader = Reader(library, lists.address)
        stays, goes, comes = ((key_bytes(ipv4(n << 24)), 104, BLACK, NEVER) for n in (10, 11, 12))
        assert lists.put(pack([stays, goes, *batch(0, 120, 100, MANY - 10)])) == 0
        assert lists.commit()
        lists.put(pack([comes]))
        lists.remove(pack([goes]))
        assert lists.expire(100, 2 * MANY) == MANY - 10
        clients = [ipv4(n << 24 | 1) for n in (10, 11, 12)]
        assert reader.verdicts(clients, 100) == [BLACK, BLACK, None]
        assert lists.commit()
        assert reader.verdicts(clients, 100) == [BLACK, None, BLACK]


def test_verdicts_hold_while_masses_expire_between_commits(library: ctypes.CDLL) -> None:
    rng = random.Random(3)
    oracle = Oracle()
    with Lists(library, 64, MANY, 1, KEY) as lists:
        reader = Reader(library, lists.address)
        for now in range(1, 25):
            for _ in range(700):
                length = rng.choice((104, 112, 116, 120))
                address = ipv4(rng.getrandbits(length - 96) << (128 - length))
                kind, deadline = rng.choice((BLACK, WHITE)), now + rng.randint(1, 6)
                records = pack([(key_bytes(address), length, kind, deadline)])
                if rng.random() < 0.1:
                    lists.remove(records)
                    oracle.remove(address, length, kind)
                else:
                    lists.put(records)
                    assert records[0].result == oracle.put(address, length, kind, deadline)
            if now % 8 == 0:
                assert lists.commit()
                oracle.commit()
            assert lists.expire(now, 3 * MANY) == oracle.expire(now)
            clients = [ipv4(rng.getrandbits(32)) for _ in range(32)]
            expected = [oracle.verdict(client, now) for client in clients]
            assert reader.verdicts(clients, now) == expected


def test_a_key_of_zeros_does_not_put_all_addresses_into_one_place(library: ctypes.CDLL) -> None:
    with Lists(library, 1000, 64, 1, bytes(16)) as lists:
        assert lists.put(pack(batch(0, 128, NEVER, 1000))) == 0

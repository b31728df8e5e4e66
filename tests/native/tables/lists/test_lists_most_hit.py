"""The walk that finds the most hit entries of each list, against all entries in plain Python."""

from __future__ import annotations

import ctypes
import random
from collections.abc import Iterator

import pytest

from dataplane.native import abi
from dataplane.tables.lists import Lists, pack
from tests.native.tables.lists.lists_support import BLACK, NEVER, WHITE, Reader, ipv4, key_bytes

KEY = bytes(range(16))
SEED = 20261130
Found = list[tuple[bytes, int, int]]


@pytest.fixture
def lists(library: ctypes.CDLL) -> Iterator[Lists]:
    with Lists(library, 8192, 512, 1, KEY) as made:
        yield made


def walk(lists: Lists, budget: int = 1 << 20) -> dict[abi.ListKind, Found]:
    """One round, in parts."""
    found = (abi.MostHit * abi.LIST_COUNT)()
    for _ in range(10_000):
        if lists.most_hit(found, budget):
            break
    else:
        raise AssertionError("a round has no end")
    return {
        kind: [
            (bytes(e.key), e.prefix_length, e.hits) for e in found[kind].entry[: found[kind].count]
        ]
        for kind in (BLACK, WHITE)
    }


def put(lists: Lists, *entries: tuple[int, int, abi.ListKind], deadline_ds: int = NEVER) -> None:
    lists.put(pack((key_bytes(at), length, kind, deadline_ds) for at, length, kind in entries))
    lists.commit()


def test_of_each_list_the_most_hit_come_first(library: ctypes.CDLL, lists: Lists) -> None:
    network, host, of_ipv6 = ipv4(0xC0000200), ipv4(0xC6336407), 0x20010DB8 << 96
    put(lists, (network, 120, BLACK), (host, 128, BLACK), (of_ipv6, 32, BLACK), (0, 0, WHITE))
    put(lists, (ipv4(1), 128, BLACK))  # nobody hits it
    reader = Reader(library, lists.address)
    clients = [host] * 3 + [network + 9] * 5 + [of_ipv6 + 1] * 2
    lists.remove(pack([(key_bytes(0), 0, WHITE, 0)]))
    lists.commit()
    reader.verdicts(clients, 0)
    assert walk(lists) == {
        BLACK: [
            (key_bytes(network), 120, 5),
            (key_bytes(host), 128, 3),
            (key_bytes(of_ipv6), 32, 2),
        ],
        WHITE: [],
    }


def test_the_lists_are_apart(library: ctypes.CDLL, lists: Lists) -> None:
    put(lists, (ipv4(7), 128, BLACK), (ipv4(0), 96, WHITE))
    Reader(library, lists.address).verdicts([ipv4(9)] * 4, 0)
    found = walk(lists)
    assert (found[BLACK], found[WHITE]) == ([], [(key_bytes(ipv4(0)), 96, 4)])


def test_what_is_over_or_gone_is_left_out(library: ctypes.CDLL, lists: Lists) -> None:
    put(lists, (ipv4(1), 128, BLACK), (ipv4(256), 120, BLACK), deadline_ds=100)
    put(lists, (ipv4(2), 128, BLACK))
    reader = Reader(library, lists.address)
    reader.verdicts([ipv4(1), ipv4(2), ipv4(257)], 50)
    assert len(walk(lists)[BLACK]) == 3
    lists.expire(100, 0)  # tells the time, and frees nothing
    assert walk(lists)[BLACK] == [(key_bytes(ipv4(2)), 128, 1)]
    lists.remove(pack([(key_bytes(ipv4(2)), 128, BLACK, 0)]))
    assert walk(lists)[BLACK] == []


@pytest.mark.parametrize("budget", [1, 7, 4096, 1 << 20])
def test_among_many_it_is_the_first_thousand(
    library: ctypes.CDLL, lists: Lists, budget: int
) -> None:
    draw = random.Random(SEED)
    addresses = [ipv4(0x0A000000 + n) for n in range(3000)]
    put(lists, *((address, 128, BLACK) for address in addresses))
    hits = {address: draw.randrange(1, 60) for address in addresses}
    clients = [address for address in addresses for _ in range(hits[address])]
    draw.shuffle(clients)
    Reader(library, lists.address).verdicts(clients, 0)
    found = walk(lists, budget)[BLACK]
    assert len(found) == abi.MOST_HIT_MAX
    counts = [count for _, _, count in found]
    assert counts == sorted(hits.values(), reverse=True)[: abi.MOST_HIT_MAX]
    assert len({key for key, _, _ in found}) == abi.MOST_HIT_MAX
    assert all(hits[int.from_bytes(key)] == count for key, _, count in found)


def test_each_round_begins_anew(library: ctypes.CDLL, lists: Lists) -> None:
    put(lists, (ipv4(1), 128, BLACK))
    reader = Reader(library, lists.address)
    for expected in (1, 2, 3):
        reader.verdicts([ipv4(1)], 0)
        assert walk(lists)[BLACK] == [(key_bytes(ipv4(1)), 128, expected)]


def test_empty_lists_have_none(lists: Lists) -> None:
    assert walk(lists) == {BLACK: [], WHITE: []}

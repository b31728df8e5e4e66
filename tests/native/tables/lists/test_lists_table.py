"""The tables' rules, one by one: results, full tables, grace periods, generations, hits."""

from __future__ import annotations

import ctypes
import errno
from collections.abc import Callable, Iterator

import pytest

from dataplane.base.errors import NativeError
from dataplane.native import abi
from dataplane.tables.lists import Lists, pack
from tests.native.tables.lists.lists_support import BLACK, NEVER, WHITE, Reader, ipv4, key_bytes

KEY = bytes(range(16))
SPARE_MIN = 4096
"""Entries beyond the capacity that a table has at least."""
Make = Callable[..., Lists]


@pytest.fixture
def make(library: ctypes.CDLL) -> Iterator[Make]:
    """Makes lists that are closed afterwards."""
    made: list[Lists] = []

    def make_lists(
        addresses: int = 64, prefixes: int = 64, lcores: int = 1, readers: abi.Readers | None = None
    ) -> Lists:
        address = ctypes.addressof(readers) if readers is not None else 0
        made.append(Lists(library, addresses, prefixes, lcores, KEY, address))
        return made[-1]

    yield make_lists
    for lists in made:
        lists.close()


def record(address: int, length: int = 128, kind: abi.ListKind = BLACK, deadline: int = NEVER):  # type: ignore[no-untyped-def]
    return pack([(key_bytes(address), length, kind, deadline)])


def put(lists: Lists, *arguments: int) -> int:
    records = record(*arguments)  # type: ignore[arg-type]
    lists.put(records)
    return int(records[0].result)


def test_results_say_added_replaced_removed_and_not_there(make: Make) -> None:
    lists = make()
    for address, length in ((ipv4(1), 128), (ipv4(0), 120), (0x2A << 120, 16), (5, 128)):
        records = record(address, length)
        outcomes = []
        for call in (lists.put, lists.put, lists.remove, lists.remove):
            call(records)
            outcomes.append(records[0].result)
        assert outcomes == [0, 1, 1, 0]


@pytest.mark.parametrize(
    ("address", "length", "kind"),
    [(ipv4(1), 120, 0), (1 << 127, 0, 0), (ipv4(1), 129, 0), (ipv4(1), 255, 0), (ipv4(1), 128, 2)],
)
def test_a_record_that_names_no_network_or_list_is_refused(
    make: Make, address: int, length: int, kind: int
) -> None:
    lists = make()
    records = pack([(key_bytes(address), length, kind, NEVER)])
    assert lists.put(records) == 1
    assert records[0].result == -errno.EINVAL
    assert lists.remove(records) == 0
    assert lists.usage().addresses_used == 0


@pytest.mark.parametrize(
    ("addresses", "prefixes", "lcores"),
    [(0, 1, 1), (1, 0, 1), (1, 1, 0), (1, 1, 17), ((1 << 27) + 1, 1, 1), (1, (1 << 27) + 1, 1)],
)
def test_capacities_out_of_range_are_refused(
    make: Make, addresses: int, prefixes: int, lcores: int
) -> None:
    with pytest.raises(NativeError) as caught:
        make(addresses, prefixes, lcores)
    assert caught.value.errno == errno.EINVAL


def test_every_single_address_has_its_place_the_zero_address_too(
    make: Make, library: ctypes.CDLL
) -> None:
    lists = make()
    addresses = [ipv4(0), 0, 1, ipv4(0xFFFFFFFF), (1 << 128) - 1]
    for address in addresses:
        assert put(lists, address) == 0
    reader = Reader(library, lists.address)
    assert reader.verdicts(addresses, 1) == [BLACK] * len(addresses)
    assert reader.verdicts([ipv4(1), 2], 1) == [None, None]


def test_the_families_are_apart(make: Make, library: ctypes.CDLL) -> None:
    lists = make()
    put(lists, 0, 0)
    lists.commit()
    reader = Reader(library, lists.address)
    assert reader.verdicts([1, 1 << 127, ipv4(1)], 1) == [BLACK, BLACK, None]
    put(lists, ipv4(0), 96)
    lists.commit()
    assert reader.verdicts([ipv4(1)], 1) == [BLACK]
    usage = lists.usage()
    assert (usage.prefixes_used_ipv4, usage.prefixes_used_ipv6) == (1, 1)


def test_an_entry_is_over_from_its_deadline_on_before_anybody_frees_it(
    make: Make, library: ctypes.CDLL
) -> None:
    lists = make()
    put(lists, ipv4(1), 128, BLACK, 50)
    put(lists, ipv4(0x0A000000), 104, BLACK, 50)
    lists.commit()
    reader = Reader(library, lists.address)
    clients = [ipv4(1), ipv4(0x0A000001)]
    assert reader.verdicts(clients, 49) == [BLACK, BLACK]
    assert reader.verdicts(clients, 50) == [None, None]
    put(lists, ipv4(0x0A000000), 104, BLACK, 90)
    assert reader.verdicts(clients, 50) == [None, BLACK], "a new deadline needs no commit"


def test_a_full_table_refuses_what_is_new_and_takes_it_once_there_is_room(make: Make) -> None:
    for base, length, step in ((ipv4(0), 128, 1), (ipv4(0), 120, 256), (1 << 120, 16, 1 << 112)):
        lists = make(addresses=40, prefixes=40)
        keys = [base + i * step for i in range(41)]
        assert [put(lists, key, length) for key in keys] == [0] * 40 + [-errno.ENOSPC]
        assert put(lists, keys[0], length) == 1, "replacing needs no room"
        lists.remove(record(keys[7], length))
        assert put(lists, keys[40], length) == 0
        assert put(lists, keys[7], length) == -errno.ENOSPC


def test_a_full_table_frees_what_is_over_before_it_refuses(make: Make) -> None:
    lists = make(addresses=10, prefixes=10)
    for i in range(10):
        put(lists, ipv4(i), 128, BLACK, 20 if i == 3 else NEVER)
        put(lists, ipv4(i << 8), 120, BLACK, 20 if i == 3 else NEVER)
    lists.expire(19, 0)
    assert put(lists, ipv4(99)) == -errno.ENOSPC
    lists.expire(20, 0)
    assert put(lists, ipv4(99)) == 0
    assert put(lists, ipv4(99 << 8), 120) == 0
    assert put(lists, ipv4(98)) == -errno.ENOSPC


def test_memory_that_a_reader_may_still_use_is_not_given_out_again(make: Make) -> None:
    readers = abi.Readers(count=1)
    lists = make(addresses=16, prefixes=16, readers=readers)
    spare = 16 // 16 + SPARE_MIN
    for i in range(16 + spare):
        assert put(lists, ipv4(i)) == 0
        lists.remove(record(ipv4(i)))
    assert put(lists, ipv4(1)) == -errno.ENOSPC
    readers.reader[0].quiescent += 1
    assert put(lists, ipv4(1)) == 0, "the first one that was removed"
    assert put(lists, ipv4(2)) == -errno.ENOSPC, "those removed later wait for the next period"
    readers.reader[0].quiescent += 1
    assert put(lists, ipv4(2)) == 0


def test_commit_keeps_a_bounded_number_of_old_tables(make: Make, library: ctypes.CDLL) -> None:
    readers = abi.Readers(count=1)
    lists = make(readers=readers)
    for i in range(4):
        put(lists, ipv4(i << 8), 120)
        assert lists.commit()
    put(lists, ipv4(4 << 8), 120)
    reader = Reader(library, lists.address)
    assert not lists.commit()
    assert reader.verdicts([ipv4(0), ipv4(4 << 8)], 1) == [BLACK, None]
    readers.reader[0].quiescent += 1
    assert lists.commit()
    assert reader.verdicts([ipv4(0), ipv4(4 << 8)], 1) == [BLACK, BLACK]


def test_a_reload_removes_what_was_not_put_again_and_never_shows_a_gap(
    make: Make, library: ctypes.CDLL
) -> None:
    lists = make(addresses=2000, prefixes=500)
    kept = [(ipv4(i), 128) for i in range(500)] + [(ipv4((i + 1) << 16), 112) for i in range(100)]
    gone = [(ipv4(i + 500), 128) for i in range(500)] + [
        (ipv4((i + 200) << 16), 112) for i in range(100)
    ]
    for entry in kept + gone:
        put(lists, *entry)
    lists.commit()
    reader = Reader(library, lists.address)
    lists.begin_generation()
    for entry in kept:
        assert put(lists, *entry) == 1
        assert reader.verdicts([entry[0]], 1) == [BLACK]
    while lists.sweep(64):
        assert reader.verdicts([entry[0] for entry in kept], 1) == [BLACK] * len(kept)
    lists.commit()
    assert reader.verdicts([entry[0] for entry in kept], 1) == [BLACK] * len(kept)
    assert reader.verdicts([entry[0] for entry in gone], 1) == [None] * len(gone)


def test_put_new_leaves_what_is_there_and_not_over(make: Make) -> None:
    lists = make()
    for address, length in ((ipv4(1), 128), (ipv4(0), 120)):
        put(lists, address, length, BLACK, 50)
        for boot_ds, result, deadline in ((49, 1, 50), (50, 0, 70)):
            records = record(address, length, BLACK, 70)
            lists.put_new(records, None, boot_ds)
            assert records[0].result == result
            entry = lists.get(key_bytes(address), length, BLACK)
            assert entry is not None
            assert entry.deadline_ds == deadline


def test_hits_are_summed_over_lcores_kept_by_a_new_deadline_and_begin_anew_with_a_new_entry(
    make: Make, library: ctypes.CDLL
) -> None:
    lists = make(lcores=2)
    for address, length in ((ipv4(0), 120), (0x2A << 120, 16)):
        put(lists, address, length, BLACK, 60)
        lists.commit()
        for lcore in (0, 1, 1):
            Reader(library, lists.address, lcore).verdicts([address + 1], 1)
        put(lists, address, length, BLACK, 70)
        entry = lists.get(key_bytes(address), length, BLACK)
        assert entry is not None
        assert entry.hits == 3
        lists.remove(record(address, length))
        assert lists.get(key_bytes(address), length, BLACK) is None
        put(lists, address, length, BLACK, 70)
        entry = lists.get(key_bytes(address), length, BLACK)
        assert entry is not None
        assert entry.hits == 0


def test_one_address_on_both_lists_is_allowed_until_that_entry_is_over(
    make: Make, library: ctypes.CDLL
) -> None:
    lists = make()
    put(lists, ipv4(1), 128, BLACK, NEVER)
    put(lists, ipv4(1), 128, WHITE, 50)
    reader = Reader(library, lists.address)
    assert reader.verdicts([ipv4(1)], 49) == [WHITE]
    assert reader.verdicts([ipv4(1)], 50) == [BLACK]


def test_expire_works_in_slices_and_comes_round(make: Make) -> None:
    lists = make(addresses=100)
    for i in range(60):
        put(lists, ipv4(i), 128, BLACK, 10)
    freed = [lists.expire(10, 25) for _ in range(4)]
    assert freed == [25, 25, 10, 0]
    put(lists, ipv4(1), 128, BLACK, 20)
    assert sum(lists.expire(20, 25) for _ in range(4)) == 1


def test_use_after_close_says_so(make: Make) -> None:
    lists = make()
    lists.close()
    lists.close()
    with pytest.raises(ValueError, match="after close"):
        lists.usage()

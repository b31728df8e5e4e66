"""The tables against an oracle: any order of edits, nested prefixes, expiries, both lists."""

from __future__ import annotations

import ctypes
import random

import pytest

from dataplane.tables.lists import Lists, pack
from tests.native.tables.lists.lists_support import (
    ALL_BITS,
    BLACK,
    NEVER,
    WHITE,
    Oracle,
    Reader,
    first_of,
    ipv4,
    key_bytes,
    last_of,
)

STEPS = 100
ADDRESSES_MAX = 4096
PREFIXES_MAX = 4096


class Pair:
    """The tables and the oracle, edited alike."""

    def __init__(self, library: ctypes.CDLL, seed: int) -> None:
        self.random = random.Random(seed)
        self.lists = Lists(library, ADDRESSES_MAX, PREFIXES_MAX, 1, self.random.randbytes(16))
        self.reader = Reader(library, self.lists.address)
        self.oracle = Oracle()
        self.boot_ds = 100
        # Few bases, so that prefixes nest and neighbours touch.
        self.bases = [
            ipv4(self.random.getrandbits(32)),
            ipv4(0xFFFFFFFF),
            ipv4(0),
            self.random.getrandbits(128),
            0x20010DB8 << 96,
            ALL_BITS,
            0,
        ]

    def address(self) -> int:
        base = self.random.choice(self.bases)
        width = self.random.choice([0, 1, 2, 4, 8, 16, 24, 31])
        return base ^ self.random.getrandbits(width) if width else base

    def network(self) -> tuple[int, int]:
        address = self.address()
        lowest = 96 if address >> 32 == 0xFFFF and self.random.random() < 0.9 else 0
        length = 128 if self.random.random() < 0.3 else self.random.randint(lowest, 128)
        return first_of(address, length), length

    def entry(self) -> tuple[int, int, int, int]:
        if self.oracle.entries and self.random.random() < 0.3:
            address, length, kind = self.random.choice(list(self.oracle.entries))
        else:
            (address, length), kind = self.network(), self.random.choice([BLACK, WHITE])
        later = self.boot_ds + self.random.randint(0, 40)
        return address, length, kind, self.random.choice([NEVER, later])

    def step(self) -> None:
        getattr(self, self.random.choice(self.ACTIONS))()
        if self.random.random() < 0.3:
            self.boot_ds += self.random.randint(0, 5)

    ACTIONS = ("put", "put", "put", "put_new", "remove", "commit", "expire", "reload", "look_up")

    def put(self) -> None:
        entries = [self.entry() for _ in range(self.random.randint(1, 40))]
        self.check_results(self.lists.put, self.oracle.put, entries)

    def put_new(self) -> None:
        entries = [self.entry() for _ in range(self.random.randint(1, 40))]
        self.oracle.boot_ds = self.boot_ds
        self.check_results(
            lambda records: self.lists.put_new(records, None, self.boot_ds),
            self.oracle.put_new,
            entries,
        )

    def remove(self) -> None:
        entries = [self.entry() for _ in range(self.random.randint(1, 40))]
        self.check_results(
            self.lists.remove,
            lambda a, length, kind, _: self.oracle.remove(a, length, kind),
            entries,
        )

    def check_results(self, native, model, entries) -> None:  # type: ignore[no-untyped-def]
        records = pack([(key_bytes(a), length, kind, d) for a, length, kind, d in entries])
        native(records)
        assert [record.result for record in records] == [model(*entry) for entry in entries]

    def commit(self) -> None:
        assert self.lists.commit()
        self.oracle.commit()

    def expire(self) -> None:
        assert self.lists.expire(self.boot_ds, 1 << 30) == self.oracle.expire(self.boot_ds)

    def reload(self) -> None:
        if self.random.random() < 0.7:
            return
        self.lists.begin_generation()
        self.oracle.generation += 1
        self.put()
        while self.lists.sweep(self.random.randint(1, 200)):
            pass
        self.oracle.sweep()

    def look_up(self) -> None:
        clients = [self.address() for _ in range(20)]
        for entry in list(self.oracle.entries.values()) + self.oracle.committed:
            first, last = (
                first_of(entry.address, entry.length),
                last_of(entry.address, entry.length),
            )
            clients += [first, last, (first - 1) & ALL_BITS, (last + 1) & ALL_BITS]
        clients = self.random.sample(clients, min(len(clients), 300))
        expected = [self.oracle.verdict(client, self.boot_ds) for client in clients]
        assert self.reader.verdicts(clients, self.boot_ds) == expected

    def check_entries(self) -> None:
        for (address, length, kind), entry in self.oracle.entries.items():
            got = self.lists.get(key_bytes(address), length, kind)
            assert got is not None
            assert (got.hits, got.deadline_ds) == (entry.hits, entry.deadline_ds)
        usage = self.lists.usage()
        singles = sum(length == 128 for _, length, _ in self.oracle.entries)
        prefixes = len(self.oracle.entries) - singles
        assert usage.addresses_used == singles
        assert usage.prefixes_used_ipv4 + usage.prefixes_used_ipv6 == prefixes


@pytest.mark.parametrize("seed", range(8))
def test_any_order_of_edits_gives_what_all_entries_together_say(
    library: ctypes.CDLL, seed: int
) -> None:
    pair = Pair(library, seed)
    with pair.lists:
        for _ in range(STEPS):
            pair.step()
            pair.look_up()
        pair.check_entries()

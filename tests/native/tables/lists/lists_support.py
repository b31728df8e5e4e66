"""The readers' side of the lists for tests, and the same lists in plain Python as an oracle."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

from dataplane.native import abi

MAPPED = 0xFFFF << 32
ALL_BITS = (1 << 128) - 1
NEVER = abi.DEADLINE_NEVER
BLACK, WHITE = abi.ListKind.BLACKLIST, abi.ListKind.ALLOWLIST


class Key(ctypes.Structure):
    """struct sb_lists_key."""

    _fields_ = [("hi", ctypes.c_uint64), ("lo", ctypes.c_uint64)]


class Match(ctypes.Structure):
    """struct sb_lists_match."""

    _fields_ = [
        ("hits", ctypes.POINTER(ctypes.c_uint64)),
        ("list", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32),
    ]


def ipv4(address: int) -> int:
    """An IPv4 address in the mapped space."""
    return MAPPED | address


def key_bytes(address: int) -> bytes:
    return address.to_bytes(16, "big")


def first_of(address: int, length: int) -> int:
    return address >> (128 - length) << (128 - length)


def last_of(address: int, length: int) -> int:
    return first_of(address, length) | (ALL_BITS >> length if length else ALL_BITS)


def family(address: int, length: int = 128) -> int:
    return 4 if address >> 32 == 0xFFFF and length >= 96 else 6


def network_of(address: int, length: int) -> IPv4Network | IPv6Network:
    """A prefix in the mapped space as what it is."""
    if family(address, length) == 4:
        return IPv4Network((address & 0xFFFFFFFF, length - 96))
    return IPv6Network((address, length))


def declare(library: ctypes.CDLL) -> None:
    library.sb_lists_match.argtypes = [
        ctypes.c_void_p,
        ctypes.c_uint32,
        ctypes.c_void_p,
        ctypes.c_uint32,
        ctypes.c_uint32,
        ctypes.c_void_p,
    ]
    library.sb_lists_match.restype = ctypes.c_uint32


class Reader:
    """Looks clients up as the lists stage does, and counts hits as it does."""

    def __init__(self, library: ctypes.CDLL, address: int, lcore: int = 0) -> None:
        declare(library)
        self._library, self._lists, self._lcore = library, address, lcore
        self._matches = (Match * abi.BURST_MAX)()

    def verdicts(self, clients: Sequence[int], boot_ds: int) -> list[abi.ListKind | None]:
        out: list[abi.ListKind | None] = []
        for start in range(0, len(clients), abi.BURST_MAX):
            out += self._burst(clients[start : start + abi.BURST_MAX], boot_ds)
        return out

    def _burst(self, clients: Sequence[int], boot_ds: int) -> list[abi.ListKind | None]:
        keys = (Key * len(clients))(*[(c >> 64, c & 0xFFFFFFFFFFFFFFFF) for c in clients])
        found = self._library.sb_lists_match(
            self._lists, self._lcore, keys, len(clients), boot_ds, self._matches
        )
        out: list[abi.ListKind | None] = []
        for i in range(len(clients)):
            if found >> i & 1:
                self._matches[i].hits[0] += 1
                out.append(abi.ListKind(self._matches[i].list))
            else:
                out.append(None)
        return out

    def count(self, keys: ctypes.Array[Key], boot_ds: int = 0) -> int:
        """How many of very many clients any entry decides about."""
        match, address, matches = (
            self._library.sb_lists_match,
            ctypes.addressof(keys),
            self._matches,
        )
        found = 0
        for start in range(0, len(keys), abi.BURST_MAX):
            burst = min(abi.BURST_MAX, len(keys) - start)
            bits = match(self._lists, self._lcore, address + start * 16, burst, boot_ds, matches)
            found += bits.bit_count()
        return found


@dataclass(eq=False)
class Entry:
    """One entry of the oracle."""

    address: int
    length: int
    kind: abi.ListKind
    deadline_ds: int
    generation: int
    hits: int = 0

    def covers(self, client: int) -> bool:
        same = family(self.address, self.length) == family(client)
        return same and first_of(client, self.length) == self.address

    def is_over(self, boot_ds: int) -> bool:
        return self.deadline_ds != NEVER and boot_ds >= self.deadline_ds


class Oracle:
    """What lists.h promises, one entry after the other."""

    def __init__(self) -> None:
        self.entries: dict[tuple[int, int, abi.ListKind], Entry] = {}
        self.committed: list[Entry] = []
        self.boot_ds = 0
        self.generation = 0

    def put(self, address: int, length: int, kind: abi.ListKind, deadline_ds: int) -> int:
        old = self.entries.get((address, length, kind))
        if old is not None and not old.is_over(self.boot_ds):
            old.deadline_ds, old.generation = deadline_ds, self.generation
            return 1
        entry = Entry(address, length, kind, deadline_ds, self.generation)
        self.entries[address, length, kind] = entry
        return 0

    def put_new(self, address: int, length: int, kind: abi.ListKind, deadline_ds: int) -> int:
        old = self.entries.get((address, length, kind))
        if old is not None and not old.is_over(self.boot_ds):
            old.generation = self.generation
            return 1
        return self.put(address, length, kind, deadline_ds)

    def remove(self, address: int, length: int, kind: abi.ListKind) -> int:
        return 1 if self.entries.pop((address, length, kind), None) else 0

    def commit(self) -> None:
        self.committed = [entry for entry in self.entries.values() if entry.length < 128]

    def expire(self, boot_ds: int) -> int:
        self.boot_ds = boot_ds
        over = [name for name, entry in self.entries.items() if entry.is_over(boot_ds)]
        for name in over:
            del self.entries[name]
        return len(over)

    def sweep(self) -> None:
        for name, entry in list(self.entries.items()):
            if entry.generation != self.generation:
                del self.entries[name]

    def verdict(self, client: int, boot_ds: int) -> abi.ListKind | None:
        single = [
            entry
            for kind in (BLACK, WHITE)
            if (entry := self.entries.get((client, 128, kind))) is not None
        ]
        covering = [entry for entry in self.committed if entry.covers(client)]
        speaking = [entry for entry in single + covering if not entry.is_over(boot_ds)]
        for kind in (WHITE, BLACK):
            of_kind = [entry for entry in speaking if entry.kind is kind]
            if of_kind:
                max(of_kind, key=lambda entry: entry.length).hits += 1
                return kind
        return None

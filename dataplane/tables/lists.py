"""The allowlist and the blacklist of the packet path: the writing side.

Only the control loop calls it. The workers read the same tables at the same time, at ``address``.
Entries are records (``abi.ListRecord``); ``pack`` and ``pack_bytes`` fill arrays of them
efficiently.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Iterable
from dataclasses import dataclass

from dataplane.native import abi
from dataplane.native.native_table import NativeTable, check, declare

RECORD = struct.Struct("=16sIBBh")
"""``abi.ListRecord``: key, deadline_ds, prefix_length, list, result."""

Fields = tuple[bytes, int, int, int]
"""Key of 16 bytes, prefix length 0 to 128, ``abi.ListKind``, deadline_ds."""


@dataclass(frozen=True)
class ListEntry:
    """The table's value for one exact address or prefix; it may be expired and not yet freed."""

    hits: int
    deadline_ds: int
    """Boot clock in tenths of a second; ``abi.DEADLINE_NEVER``: no end."""


@dataclass(frozen=True)
class ListsUsage:
    """The usage of the tables. Prefix figures are per family; expired entries count until they are
    freed."""

    addresses_max: int
    addresses_used: int
    prefixes_max: int
    prefixes_used_ipv4: int
    prefixes_used_ipv6: int
    bytes: int
    """Reserved memory for addresses and used memory for prefixes, in bytes."""


class Lists(NativeTable):
    """The native tables, for ``abi.Node.lists``.

    ``addresses_max``: single addresses of both families and lists together; ``prefixes_max``: per
    family; both 1 to 2^27. ``hash_key``: 16 random bytes. ``readers_address``: of the node's
    ``abi.Readers``, 0 while nobody reads. Raises NativeError (EINVAL, ENOMEM).
    """

    KIND = "lists"

    def __init__(
        self,
        library: ctypes.CDLL,
        addresses_max: int,
        prefixes_max: int,
        lcores: int,
        hash_key: bytes,
        readers_address: int = 0,
    ) -> None:
        if len(hash_key) != HASH_KEY_BYTES:
            raise ValueError(f"hash_key: {len(hash_key)} bytes, must be {HASH_KEY_BYTES}")
        what = f"lists of {addresses_max} addresses and {prefixes_max} prefixes"
        sizes = addresses_max, prefixes_max, lcores
        super().__init__(_declare(library), what, *sizes, hash_key, readers_address or None)

    def put(self, records: ctypes.Array[abi.ListRecord], count: int | None = None) -> int:
        """Add or replace the first ``count`` records (None: all); return how many failed.

        Each record's ``result``: 0 added, 1 replaced, -ENOSPC, -EINVAL. Single addresses are in
        force on return, prefixes after ``commit()``.
        """
        return int(self._library.sb_lists_put(self.address, records, _count(records, count)))

    def put_new(
        self, records: ctypes.Array[abi.ListRecord], count: int | None, boot_ds: int
    ) -> int:
        """The same as ``put``, but existing entries that are live at ``boot_ds`` are kept (result
        1)."""
        count = _count(records, count)
        return int(self._library.sb_lists_put_new(self.address, records, count, boot_ds))

    def remove(self, records: ctypes.Array[abi.ListRecord], count: int | None = None) -> int:
        """Remove the first ``count`` records (None: all); return how many were there."""
        return int(self._library.sb_lists_remove(self.address, records, _count(records, count)))

    def commit(self) -> bool:
        """Put changed prefixes in force; fast if none has changed.

        False: workers have not yet released several older tables; the present ones stay, call again
        in a later turn. Raises NativeError (ENOMEM); the present tables stay.
        """
        result = self._library.sb_lists_commit(self.address)
        if result == -errno.EAGAIN:
            return False
        check(result, "prefix tables")
        return True

    def begin_generation(self) -> None:
        """Begin a full reload: put every entry, ``sweep`` until False, ``commit``."""
        self._library.sb_lists_begin_generation(self.address)

    def sweep(self, budget: int) -> bool:
        """Remove entries that were not put since ``begin_generation``, visiting ``budget`` entries.

        Returns whether there are more to visit.
        """
        return bool(self._library.sb_lists_sweep(self.address, budget))

    def expire(self, boot_ds: int, budget: int) -> int:
        """Free entries that are expired at ``boot_ds``, visiting ``budget`` entries, round and
        round.

        Call it often: it also sets the tables' time, and frees memory that the workers have
        released. Returns how many entries it freed.
        """
        return int(self._library.sb_lists_expire(self.address, boot_ds, budget))

    def most_hit(self, found: ctypes.Array[abi.MostHit], budget: int) -> bool:
        """Collect the most hit entries of each list, visiting ``budget`` entries.

        ``found``: one for each list, the same in every call. True: a round over all entries is
        complete, and ``found`` has the most hit ones first; the next call begins a new round.
        """
        return bool(self._library.sb_lists_most_hit(self.address, found, budget))

    def get(self, network_key: bytes, prefix_length: int, kind: abi.ListKind) -> ListEntry | None:
        """Look up one exact entry, expired or not; None: there is none."""
        record = pack([(network_key, prefix_length, kind, 0)])
        entry = abi.ListEntry()
        self._library.sb_lists_get(self.address, record, ctypes.byref(entry))
        return ListEntry(entry.hits, entry.deadline_ds) if entry.found else None

    def usage(self) -> ListsUsage:
        """The usage of the tables."""
        usage = abi.ListsUsage()
        self._library.sb_lists_usage(self.address, ctypes.byref(usage))
        return ListsUsage(
            usage.addresses_max,
            usage.addresses_used,
            usage.prefixes_max,
            usage.prefixes_used_ipv4,
            usage.prefixes_used_ipv6,
            usage.bytes,
        )


HASH_KEY_BYTES = 16


def random_hash_key() -> bytes:
    """A random key for ``Lists``: attackers choose addresses, so the hash must be unpredictable."""
    return os.urandom(HASH_KEY_BYTES)


def pack(entries: Iterable[Fields]) -> ctypes.Array[abi.ListRecord]:
    """Make an array of records from tuples; about 0.4 us each."""
    pack_record = RECORD.pack
    return pack_bytes(
        b"".join(
            [pack_record(key, deadline, length, kind, 0) for key, length, kind, deadline in entries]
        )
    )


def pack_bytes(data: bytes | bytearray) -> ctypes.Array[abi.ListRecord]:
    """Make an array of records from packed ones (``RECORD``); a bytearray is not copied."""
    array_type = abi.ListRecord * (len(data) // RECORD.size)
    if isinstance(data, bytearray):
        return array_type.from_buffer(data)
    return array_type.from_buffer_copy(data)


def _count(records: ctypes.Array[abi.ListRecord], count: int | None) -> int:
    if count is None:
        return len(records)
    if not 0 <= count <= len(records):
        raise ValueError(f"{count} records of an array of {len(records)}")
    return count


def _declare(library: ctypes.CDLL) -> ctypes.CDLL:
    pointer, u32 = ctypes.c_void_p, ctypes.c_uint32
    records = ctypes.POINTER(abi.ListRecord)
    out = ctypes.POINTER(pointer)
    return declare(
        library,
        "lists",
        ("create", ctypes.c_int, u32, u32, u32, ctypes.c_char_p, pointer, out),
        ("destroy", None, pointer),
        ("put", u32, pointer, records, u32),
        ("put_new", u32, pointer, records, u32, u32),
        ("remove", u32, pointer, records, u32),
        ("commit", ctypes.c_int, pointer),
        ("begin_generation", None, pointer),
        ("sweep", ctypes.c_int, pointer, u32),
        ("expire", u32, pointer, u32, u32),
        ("most_hit", ctypes.c_int, pointer, ctypes.POINTER(abi.MostHit), u32),
        ("get", None, pointer, records, ctypes.POINTER(abi.ListEntry)),
        ("usage", None, pointer, ctypes.POINTER(abi.ListsUsage)),
    )

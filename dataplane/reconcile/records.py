"""Converts entries of the state log to ``sb_list_record`` arrays, with deadlines in tenths of a
second of boot time."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeAlias

from dataplane.base.clock import Clock
from dataplane.base.networks import Network
from dataplane.native import abi
from dataplane.statelog.changes import ListName
from dataplane.tables.lists import RECORD, pack_bytes

if TYPE_CHECKING:
    from dataplane.statelog.format import Entry

KINDS: dict[ListName, abi.ListKind] = {
    "blacklist": abi.ListKind.BLACKLIST,
    "allowlist": abi.ListKind.ALLOWLIST,
}
EntryKey: TypeAlias = tuple[ListName, Network]
_PACK = RECORD.pack
Records: TypeAlias = ctypes.Array[abi.ListRecord]


def put_records(entries: Iterable[Entry], clock: Clock) -> tuple[Records, list[Entry]]:
    """Records of live entries, and the expired entries."""
    packed: list[bytes] = []
    expired: list[Entry] = []
    boot_id, now_ms = clock.boot_id(), clock.boot_ms()
    for entry in entries:
        name, (key, prefix_length), deadline = entry
        if deadline is None:
            deadline_ds = abi.DEADLINE_NEVER
        else:
            end_ms = deadline.boot_ms
            if deadline.boot_id != boot_id:
                end_ms = now_ms + deadline.remaining_ms(clock)
            if end_ms <= now_ms:
                expired.append(entry)
                continue
            deadline_ds = min(-(-end_ms // 100), abi.DEADLINE_NEVER - 1)
        packed.append(_PACK(key, deadline_ds, prefix_length, KINDS[name], 0))
    return pack_bytes(bytearray().join(packed)), expired


def results_of(records: Records) -> list[int]:
    """The result of each record: 0 added, 1 replaced, else a negative errno; about 30 ns each."""
    words_per_record = RECORD.size // 2
    return memoryview(bytes(records)).cast("h")[words_per_record - 1 :: words_per_record].tolist()


def remove_records(keys: Iterable[EntryKey]) -> Records:
    """Records that name entries to be removed."""
    packed = [
        _PACK(network.key, 0, network.prefix_length, KINDS[name], 0) for name, network in keys
    ]
    return pack_bytes(bytearray().join(packed))

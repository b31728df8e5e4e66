"""Converts the inputs of a replay beside its capture to the form of the packet path."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from dataplane.base.errors import InvalidInputError
from dataplane.base.networks import KEY_BITS, Network
from dataplane.native import abi
from dataplane.tables.lists import Lists, pack

INSIDE_MAX = 256
"""Maximum number of inside prefixes: each packet is compared with all of them."""
_PUT_COUNT = 65_536


@dataclass(frozen=True)
class ListCapacities:
    """Sizes of the lists in entries; prefixes per family."""

    addresses_max: int = 1_000_000
    prefixes_max: int = 131_072


def prefixes_of(inside: Sequence[Network]) -> ctypes.Array[abi.ReplayPrefix]:
    """The inside prefixes. InvalidInputError: none, or too many."""
    if not 1 <= len(inside) <= INSIDE_MAX:
        raise InvalidInputError(
            f"inside: {len(inside)} prefixes, limit 1 to {INSIDE_MAX}",
            field="inside",
            value=len(inside),
            limit=f"1 to {INSIDE_MAX}",
        )
    prefixes = (abi.ReplayPrefix * len(inside))()
    for prefix, network in zip(prefixes, inside, strict=True):
        mask = ((1 << network.prefix_length) - 1) << (KEY_BITS - network.prefix_length)
        prefix.key[:] = network.key
        prefix.mask[:] = mask.to_bytes(KEY_BITS // 8)
    return prefixes


def put(
    lists: Lists, kind: abi.ListKind, networks: Iterable[Network], capacities: ListCapacities
) -> int:
    """Fill a list; returns the number of entries. InvalidInputError names an entry that does not
    fit."""
    count, remaining = 0, iter(networks)
    while chunk := list(islice(remaining, _PUT_COUNT)):
        records = pack((key, length, kind, abi.DEADLINE_NEVER) for key, length in chunk)
        if lists.put(records):
            position = next(i for i, record in enumerate(records) if record.result < 0)
            raise InvalidInputError(
                f"{kind.name.lower()}: {chunk[position]} is entry {count + position + 1} and does "
                f"not fit, limit {capacities.addresses_max} addresses and "
                f"{capacities.prefixes_max} prefixes per family",
                field="ip",
                value=str(chunk[position]),
                limit="the capacities in [lists] of secbeat.toml",
            )
        count += len(chunk)
    return count

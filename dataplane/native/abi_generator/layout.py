"""The layout that the probe object has: structures, enums and values, and the hash of all of it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

RENAMED = {"list": "ListKind"}


@dataclass(frozen=True)
class Kind:
    """Type of a field: an integer or structure by its ctypes name, in arrays of ``counts``."""

    base: str
    size: int
    """Size of one element in bytes."""
    counts: tuple[int, ...] = ()

    @property
    def total(self) -> int:
        """Bytes of the whole field."""
        size = self.size
        for count in self.counts:
            size *= count
        return size


@dataclass(frozen=True)
class Field:
    """A member of a structure."""

    name: str
    offset: int
    kind: Kind


@dataclass(frozen=True)
class Struct:
    """A structure; ``name`` as in C."""

    name: str
    size: int
    fields: tuple[Field, ...]


@dataclass(frozen=True)
class Enum:
    """An enum; ``name`` as in C, empty for the anonymous one that holds constants."""

    name: str
    members: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Layout:
    """The content of the probe object."""

    structs: tuple[Struct, ...]
    enums: tuple[Enum, ...]
    stats_magic: int
    latency_bounds_ns: tuple[int, ...]
    reason_text: tuple[str, ...]
    reason_stage: tuple[int, ...]
    reason_modes: tuple[int, ...]
    """Bit m of each reason stands for mode m."""
    reason_default: tuple[int, ...]
    stage_text: tuple[str, ...]
    attack_text: tuple[str, ...]
    attack_metric: tuple[int, ...]
    """The ``enum sb_metric`` of each attack."""

    @property
    def hash(self) -> str:
        """SHA-256 of the canonical description, in hex."""
        return hashlib.sha256("\n".join(describe(self)).encode()).hexdigest()


def describe(layout: Layout) -> Iterator[str]:
    """The canonical description, line by line."""
    for record in layout.structs:
        yield f"struct {record.name} {record.size}"
        for field in record.fields:
            yield f"  {field.name} {field.offset} {field.kind.base} {field.kind.counts}"
    for enum in layout.enums:
        yield f"enum {enum.name}"
        yield from (f"  {name} {value}" for name, value in enum.members)
    yield f"stats_magic {layout.stats_magic}"
    yield f"latency_bounds_ns {layout.latency_bounds_ns}"
    yield f"reason_stage {layout.reason_stage}"
    yield f"reason_modes {layout.reason_modes}"
    yield f"reason_default {layout.reason_default}"
    yield f"attack_metric {layout.attack_metric}"


def class_name(c_name: str) -> str:
    """``sb_drop_sample`` -> ``DropSample``."""
    plain = c_name.removeprefix("sb_")
    return RENAMED.get(plain) or "".join(word.capitalize() for word in plain.split("_"))


def members_of(enum: Enum) -> list[tuple[str, int]]:
    """Members without their prefix and without the trailing COUNT."""
    prefix = f"SB_{enum.name.removeprefix('sb_').upper()}_"
    if not all(name.startswith(prefix) for name, _ in enum.members):
        prefix = re.sub(r"[A-Z]+_$", "", prefix)  # sb_packet_flag: SB_PACKET_
    short = [(name.removeprefix(prefix), value) for name, value in enum.members]
    return [(name, value) for name, value in short if name != "COUNT"]

"""The changes that a revision can contain, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from dataplane.base.clock import Deadline
from dataplane.base.networks import Network

ListName: TypeAlias = Literal["blacklist", "allowlist"]
Policy: TypeAlias = dict[str, Any]
"""A policy document; this package transports it without interpreting it."""
RuleRow: TypeAlias = list[Any]
"""A rule of the WAF as a JSON array whose first value is its number; not interpreted either."""


@dataclass(frozen=True, slots=True)
class Put:
    """Adds an entry, or replaces the one of the same list and network. No deadline: no end."""

    list: ListName
    network: Network
    deadline: Deadline | None = None


@dataclass(frozen=True, slots=True)
class Remove:
    """Removes an entry; nothing happens when it is not there."""

    list: ListName
    network: Network


@dataclass(frozen=True, slots=True)
class PutRule:
    """Adds a rule, or replaces the one of the same number."""

    row: RuleRow

    @property
    def number(self) -> int:
        """Number of the rule."""
        return int(self.row[0])


@dataclass(frozen=True, slots=True)
class RemoveRule:
    """Removes the rule of that number; nothing happens when it is not there."""

    number: int


@dataclass(frozen=True, slots=True)
class Import:
    """Adds every rule and every entry of an import file except those in `skip`.

    ``count`` is their number in the file. ``crc32`` is the file's own checksum, eight hexadecimal
    digits, so that another file is not mistaken for it. `skip` has the entries that other writes
    replaced or removed while the import was being staged.
    """

    file: str
    count: int
    crc32: str
    skip: tuple[tuple[ListName, Network], ...] = ()


@dataclass(frozen=True, slots=True)
class SetPolicy:
    """Replaces the policy; None is the default profile."""

    document: Policy | None


@dataclass(frozen=True, slots=True)
class Overlay:
    """An overlay of the policy until its end; `dataplane.policy.overlay` interprets it."""

    document: dict[str, Any]
    deadline: Deadline


@dataclass(frozen=True, slots=True)
class SetOverlays:
    """Replaces all overlays: there are few."""

    overlays: tuple[Overlay, ...]


@dataclass(frozen=True, slots=True)
class SetDrain:
    """Starts or ends a drain of the node."""

    on: bool


Change: TypeAlias = (
    Put | Remove | PutRule | RemoveRule | Import | SetPolicy | SetOverlays | SetDrain
)


@dataclass(frozen=True, slots=True)
class Line:
    """One revision of a log."""

    revision: int
    changes: tuple[Change, ...]

"""What a revision can change, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from dataplane.clock import Deadline
from dataplane.networks import Network

ListName: TypeAlias = Literal["blacklist", "allowlist"]
Policy: TypeAlias = dict[str, Any]
"""A policy document; this package carries it and knows nothing of its meaning."""


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
class Import:
    """Adds every entry of an import file but those in `skip`.

    `skip` holds what other writes took over or removed while the import was being staged.
    """

    file: str
    count: int
    skip: tuple[tuple[ListName, Network], ...] = ()


@dataclass(frozen=True, slots=True)
class SetPolicy:
    """Replaces the policy; None is the default profile."""

    document: Policy | None


Change: TypeAlias = Put | Remove | Import | SetPolicy


@dataclass(frozen=True, slots=True)
class Line:
    """One revision of a log."""

    revision: int
    changes: tuple[Change, ...]

"""Roles of API keys, each including the ones before it, and who is asking."""

from __future__ import annotations

import enum
from dataclasses import dataclass

KEY_HEADER = "X-SecBeat-API-Key"
"""Where a request has its key."""


class Role(enum.StrEnum):
    """What a key may do; ordered."""

    READ = "read"
    OPERATE = "operate"
    ADMIN = "admin"

    def includes(self, other: Role) -> bool:
        """Whether this role may do what the other may."""
        order = list(Role)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True)
class Principal:
    """Who asks: a key's id and name, its role, and the address the request came from."""

    id: str
    name: str
    role: Role
    source: str

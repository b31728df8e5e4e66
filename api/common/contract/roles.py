"""Roles of API keys, and principals of requests."""

from __future__ import annotations

import enum
from dataclasses import dataclass

KEY_HEADER = "X-SecBeat-API-Key"
"""The places of a key in a request."""


class Role(enum.StrEnum):
    """The permissions of a key: each operator role includes those before it; other roles include
    none."""

    READ = "read"
    OPERATE = "operate"
    ADMIN = "admin"
    ENROL = "enrol"
    """Registers a node with an orchestrator."""
    NODE = "node"
    """Is a registered node."""

    def includes(self, other: Role) -> bool:
        """Whether this role has all permissions of the other."""
        if self not in _PEOPLE or other not in _PEOPLE:
            return self is other
        return _PEOPLE.index(self) >= _PEOPLE.index(other)


_PEOPLE = (Role.READ, Role.OPERATE, Role.ADMIN)


@dataclass(frozen=True)
class Principal:
    """The author of a request: id and name of the key, its role, and the source address."""

    id: str
    name: str
    role: Role
    source: str

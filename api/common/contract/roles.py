"""Roles of API keys, and who is asking."""

from __future__ import annotations

import enum
from dataclasses import dataclass

KEY_HEADER = "X-SecBeat-API-Key"
"""Where a request has its key."""


class Role(enum.StrEnum):
    """What a key may do: of people's roles each includes the ones before it, the others nothing."""

    READ = "read"
    OPERATE = "operate"
    ADMIN = "admin"
    ENROL = "enrol"
    """Registers a node with an orchestrator."""
    NODE = "node"
    """Is a registered node."""

    def includes(self, other: Role) -> bool:
        """Whether this role may do what the other may."""
        if self not in _PEOPLE or other not in _PEOPLE:
            return self is other
        return _PEOPLE.index(self) >= _PEOPLE.index(other)


_PEOPLE = (Role.READ, Role.OPERATE, Role.ADMIN)


@dataclass(frozen=True)
class Principal:
    """Who asks: a key's id and name, its role, and the address the request came from."""

    id: str
    name: str
    role: Role
    source: str

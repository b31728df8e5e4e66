"""Warns of bans that end the sessions of a policy's neighbours: a ban takes precedence over them.

Checked in both directions: when a policy names a neighbour that is banned, and when a ban covers a
neighbour of the newest policy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select

from api.lists import kinds
from api.management.database.tables import policies
from api.management.lists import rows
from dataplane.base.errors import InvalidInputError
from dataplane.base.networks import Network

NAMED_MAX = 10
"""Neighbours that an answer names; the answer says whether there are more."""
_NEWEST = select(policies.c.document["neighbors"]).order_by(policies.c.revision.desc()).limit(1)


def banned(connection: Connection, neighbors: Sequence[Network], boot_ms: int) -> list[str]:
    """Warnings about banned neighbours of a policy."""
    if not neighbors or rows.is_empty(connection, kinds.BLACKLIST):
        return []
    found = list[str]()
    for neighbor in neighbors:
        if rows.holders(connection, kinds.ALLOWLIST, neighbor, boot_ms):
            continue
        outer = rows.holders(connection, kinds.BLACKLIST, neighbor, boot_ms)
        inner = rows.contained(connection, kinds.BLACKLIST, neighbor, boot_ms)
        found += [_says(ban, neighbor) for ban in dict.fromkeys([*outer, *inner])][:1]
    return _some(found)


def cut_off(connection: Connection, bans: Sequence[Network], boot_ms: int) -> list[tuple[str, ...]]:
    """For each of some bans, warnings about the neighbours of the newest policy that it
    cuts off."""
    neighbors = _named(connection)
    allowed = [
        neighbor
        for neighbor in neighbors
        if any(ban.contains(neighbor) or neighbor.contains(ban) for ban in bans)
        and not rows.holders(connection, kinds.ALLOWLIST, neighbor, boot_ms)
    ]
    return [
        tuple(_some(_says(ban, one) for one in allowed if ban.contains(one) or one.contains(ban)))
        for ban in bans
    ]


def _named(connection: Connection) -> list[Network]:
    """The neighbours of the newest policy, as stored."""
    stored = connection.execute(_NEWEST).scalar()
    written = stored if isinstance(stored, list) else []
    return [network for one in written if (network := _network(one)) is not None]


def _network(written: Any) -> Network | None:
    try:
        return Network.parse(written["address"]) if isinstance(written, Mapping) else None
    except (KeyError, InvalidInputError):
        return None


def _says(ban: Network, neighbor: Network) -> str:
    return f"the ban of {ban} beats the policy, which names {neighbor} as a neighbour"


def _some(warnings: Iterable[str]) -> list[str]:
    found = list(warnings)
    more = [f"and {len(found) - NAMED_MAX} more neighbours"] if len(found) > NAMED_MAX else []
    return found[:NAMED_MAX] + more

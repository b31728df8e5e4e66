"""Authentication: an operator's key, a node's key, or an enrolment token, looked up by digest.

A worker caches nodes and tokens until something is revoked (`api.access.keys.freshness`). So a node
that asks each second is looked up once in half a minute.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, or_, select, update

from api.access.keys.freshness import Freshness, revoked
from api.access.keys.service import EnvironmentKey, Keys
from api.common.contract.roles import Principal, Role
from api.orchestrator.database.tables.nodes import enrolment_tokens, nodes
from api.storage.database import Database
from dataplane.base.clock import Clock

KNOWN_MAX = 100_000
KNOWN_S = 30.0
"""Maximum age of a cached key, whatever `Freshness` says: the database may have been replaced."""


@dataclass(frozen=True)
class _Known:
    id: str
    name: str
    role: Role
    expires_ms: int | None
    until_s: float


class FleetKeys:
    """The keys of the orchestrator (`api.access.gate.Doors`)."""

    def __init__(
        self,
        keys: Keys,
        database: Database,
        clock: Clock,
        freshness: Freshness,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._keys = keys
        self._database = database
        self._clock = clock
        self._freshness = freshness
        self._monotonic = monotonic
        self._revocations = ""
        self._known: dict[bytes, _Known] = {}

    @property
    def environment(self) -> EnvironmentKey:
        """The key from the environment."""
        return self._keys.environment

    def authenticate(self, text: str, source: str) -> Principal | None:
        """The principal of a key; for a node, its id is the node's id. None: the key is unknown."""
        sha256 = digest(text)
        known = self._remembered(sha256)
        if known is None:
            person = self._keys.authenticate(text, source)
            if person is not None:
                return person
            known = self._look_up(sha256)
        if known is None or self._expired(known.expires_ms):
            return None
        return Principal(known.id, known.name, known.role, source)

    def at_hand(self, text: str, node: str) -> Principal | None:
        """The node with this id if the key is cached as its key; None: it is not, or is
        not cached."""
        found = self._known.get(digest(text))
        if found is None or (found.id, found.role) != (node, Role.NODE):
            return None
        is_fresh = self._freshness.at_hand() == self._revocations
        is_fresh = is_fresh and self._monotonic() < found.until_s
        return Principal(node, node, Role.NODE, "") if is_fresh else None

    def _remembered(self, sha256: bytes) -> _Known | None:
        revocations = self._freshness.value()
        if revocations != self._revocations or len(self._known) >= KNOWN_MAX:
            self._known = {}  # a look-up under way stores its result in the old dictionary
            self._revocations = revocations
        found = self._known.get(sha256)
        return found if found is not None and self._monotonic() < found.until_s else None

    def _look_up(self, sha256: bytes) -> _Known | None:
        remembered = self._known
        until_s = self._monotonic() + KNOWN_S
        is_nodes = or_(nodes.c.key_sha256 == sha256, nodes.c.next_key_sha256 == sha256)
        token = enrolment_tokens
        with self._database.read() as connection:
            node = connection.execute(
                select(nodes.c.id, nodes.c.next_key_sha256).where(is_nodes)
            ).first()
            row = connection.execute(select(token).where(token.c.sha256 == sha256)).first()
        if node is not None:
            if node.next_key_sha256 == sha256:
                self._promote(sha256)
            found = _Known(node.id, node.id, Role.NODE, None, until_s)
        elif row is not None:
            found = _Known(row.id, row.name, Role.ENROL, row.expires_ms, until_s)
        else:
            return None
        remembered[sha256] = found
        return found

    def _promote(self, sha256: bytes) -> None:
        """The first use of a node's next key: it replaces the former key, which is no
        longer valid."""
        with self._database.write() as connection:
            promote(connection, sha256)
        self._freshness.expire()

    def _expired(self, expires_ms: int | None) -> bool:
        return expires_ms is not None and expires_ms <= self._clock.utc_ms()


def promote(connection: Connection, sha256: bytes) -> None:
    """Replace a node's key by its next key."""
    connection.execute(
        update(nodes)
        .where(nodes.c.next_key_sha256 == sha256)
        .values(key_sha256=sha256, next_key_sha256=None)
    )
    revoked(connection)


def digest(text: str) -> bytes:
    """The digest that is stored for a key or token."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()

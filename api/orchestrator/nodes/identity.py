"""Who asks: a person's key, a node's, or an enrolment token; each is looked up by its digest."""

from __future__ import annotations

import hashlib

from sqlalchemy import or_, select

from api.access.keys.service import EnvironmentKey, Keys
from api.common.roles import Principal, Role
from api.orchestrator.database.tables.nodes import enrolment_tokens, nodes
from api.storage.database import Database
from dataplane.base.clock import Clock


class FleetKeys:
    """What opens the orchestrator's gate (`api.access.gate.Doors`)."""

    def __init__(self, keys: Keys, database: Database, clock: Clock) -> None:
        self._keys = keys
        self._database = database
        self._clock = clock

    @property
    def environment(self) -> EnvironmentKey:
        """The key in the environment."""
        return self._keys.environment

    def authenticate(self, text: str, source: str) -> Principal | None:
        """Who a key stands for: of a node the id is the node's own. None: nobody."""
        found = self._keys.authenticate(text, source)
        if found is not None:
            return found
        sha256 = digest(text)
        is_nodes = or_(nodes.c.key_sha256 == sha256, nodes.c.next_key_sha256 == sha256)
        token = select(enrolment_tokens).where(enrolment_tokens.c.sha256 == sha256)
        with self._database.read() as connection:
            node = connection.execute(select(nodes.c.id).where(is_nodes)).scalar()
            if node is not None:
                return Principal(node, node, Role.NODE, source)
            row = connection.execute(token).first()
        if row is None or (row.expires_ms is not None and row.expires_ms <= self._clock.utc_ms()):
            return None
        return Principal(row.id, row.name, Role.ENROL, source)


def digest(text: str) -> bytes:
    """What is stored of a key or token."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()

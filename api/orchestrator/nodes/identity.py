"""Who asks: a person's key, a node's, or an enrolment token; each is looked up by its digest."""

from __future__ import annotations

import hashlib

from sqlalchemy import or_, select, update

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
        mine = select(nodes.c.id, nodes.c.next_key_sha256).where(is_nodes)
        with self._database.read() as connection:
            node = connection.execute(mine).first()
            row = connection.execute(token).first() if node is None else None
        if node is not None:
            if node.next_key_sha256 == sha256:
                self._take_over(node.id, sha256)
            return Principal(node.id, node.id, Role.NODE, source)
        if row is None or (row.expires_ms is not None and row.expires_ms <= self._clock.utc_ms()):
            return None
        return Principal(row.id, row.name, Role.ENROL, source)

    def _take_over(self, node: str, sha256: bytes) -> None:
        """A node's next key is used for the first time: from now on it is the only one."""
        mine = (nodes.c.id == node) & (nodes.c.next_key_sha256 == sha256)
        values = {"key_sha256": sha256, "next_key_sha256": None}
        with self._database.write(shared=True) as connection:
            connection.execute(update(nodes).where(mine).values(values))


def digest(text: str) -> bytes:
    """What is stored of a key or token."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()

"""Enrolment tokens: they allow to register nodes, and nothing else."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select

from api.access.audit import service as audit
from api.access.audit.service import Actor, Difference
from api.access.keys.freshness import revoked
from api.access.keys.service import write_key_file
from api.common.contract.errors import ConflictError, FieldError, NotFoundError
from api.common.contract.schemas import rfc3339
from api.orchestrator.database.tables.nodes import enrolment_tokens
from api.orchestrator.nodes.identity import digest
from api.storage.database import AnyRow, Database
from api.storage.tables import meta
from dataplane.base.clock import Clock

TOKENS_MAX = 1000


class Tokens:
    """All enrolment tokens."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def make_first(self, file: Path) -> None:
        """At first boot: a token without an end, in a file that only its owner can read."""
        made = select(meta).where(meta.c.name == "tokens_made")
        with self._database.read() as connection:
            if connection.execute(made).first() is not None:
                return
        with self._database.write() as connection:
            if connection.execute(made).first() is not None:  # another worker was first
                return
            text = write_key_file(file)  # before the row: after a crash a new one is made
            name = enrolment_tokens.c.name == file.stem
            connection.execute(delete(enrolment_tokens).where(name))
            self._insert(connection, audit.system("start"), file.stem, text, None, None)
            connection.execute(insert(meta).values(name="tokens_made", value="1"))

    def make(
        self, actor: Actor, name: str, uses_max: int | None, seconds: int | None
    ) -> tuple[AnyRow, str]:
        """A new token and its text. Raises `ConflictError`: the name is taken, or too many."""
        text = secrets.token_urlsafe(32)
        token = enrolment_tokens
        with self._database.write() as connection:
            if connection.execute(select(token.c.id).where(token.c.name == name)).first():
                what = FieldError("name", name, "unique", f"there is a token {name!r}")
                raise ConflictError(f"there is already a token named {name!r}", errors=[what])
            count = connection.execute(select(func.count()).select_from(token)).scalar_one()
            if count >= TOKENS_MAX:
                raise ConflictError(f"there are {count} tokens; the limit is {TOKENS_MAX}")
            row = self._insert(connection, actor, name, text, uses_max, seconds)
            actor.on_commit(connection, row, 0)
        return row, text

    def all(self) -> list[AnyRow]:
        """All tokens, oldest first, including expired and used ones."""
        token = enrolment_tokens
        with self._database.read() as connection:
            query = select(token).order_by(token.c.created_ms, token.c.id)
            return list(connection.execute(query))

    def remove(self, actor: Actor, token_id: str) -> None:
        """Delete a token; nodes that enrolled with it stay. Raises `NotFoundError`."""
        token = enrolment_tokens
        with self._database.write() as connection:
            row = connection.execute(select(token).where(token.c.id == token_id)).first()
            if row is None:
                raise NotFoundError(f"there is no enrolment token {token_id!r}")
            connection.execute(delete(token).where(token.c.id == token_id))
            revoked(connection)
            told, now_ms = Difference(_told(row), None), self._clock.utc_ms()
            audit.record(connection, actor, "token.remove", row.name, now_ms, difference=told)

    def _insert(
        self,
        connection: Connection,
        actor: Actor,
        name: str,
        text: str,
        uses_max: int | None,
        seconds: int | None,
    ) -> AnyRow:
        now_ms = self._clock.utc_ms()
        expires_ms = None if seconds is None else now_ms + seconds * 1000
        values = {"created_by": actor.principal.name, "uses_max": uses_max}
        values |= {"created_ms": now_ms, "expires_ms": expires_ms}
        return insert_token(connection, actor, name, text, values)


def insert_token(
    connection: Connection, actor: Actor, name: str, text: str, values: Mapping[str, Any]
) -> AnyRow:
    """Insert a token and its audit row; returns the token's row.

    ``values``: ``created_ms``, ``created_by``, ``expires_ms`` and ``uses_max``.
    """
    token = enrolment_tokens
    fixed = {"id": secrets.token_hex(8), "name": name, "sha256": digest(text), "uses": 0}
    query = insert(token).values(**fixed, **values).returning(token)
    row = connection.execute(query).one()
    told = Difference(None, _told(row))
    audit.record(connection, actor, "token.make", name, row.created_ms, difference=told)
    return row


def _told(row: AnyRow) -> dict[str, Any]:
    """A token in the form of the audit trail: never its text."""
    return {
        "name": row.name,
        "uses": row.uses,
        "uses_max": row.uses_max,
        "expires_at": None if row.expires_ms is None else rfc3339(row.expires_ms),
    }

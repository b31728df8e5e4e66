"""API keys and their principals.

The text of a key leaves this module once, when the key is made. The database stores its SHA-256,
which is sufficient for 256 random bits: no dictionary attack covers them. At least one admin key
without an expiry always remains, so that nobody can lock out all administrators.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog
from sqlalchemy import Connection, delete, func, insert, select

from api.access.audit import service as audit
from api.access.audit.service import Actor, Difference
from api.access.keys.freshness import Freshness, revoked
from api.access.tables import api_keys
from api.common.contract.errors import ConflictError, FieldError, NotFoundError
from api.common.contract.roles import Principal, Role
from api.common.contract.schemas import rfc3339
from api.common.disk import written
from api.storage.database import AnyRow, Database
from api.storage.tables import meta
from dataplane.base.clock import Clock

ENVIRONMENT = "environment"
"""The id of the key in the environment."""
KEYS_MAX = 1000
KEY_CHARACTERS_MIN = 32
_KEYS_MADE = select(meta).where(meta.c.name == "keys_made")

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class EnvironmentKey:
    """One more admin key, never stored. No other key may have the name of its variable."""

    variable: str
    text: str | None
    """None: the variable is not set."""

    @property
    def is_weak(self) -> bool:
        """Whether the key could be guessed."""
        return len(self.text or "") < KEY_CHARACTERS_MIN


@dataclass(frozen=True)
class Key:
    """An API key without its text."""

    id: str
    name: str
    role: Role
    created_ms: int
    expires_ms: int | None


class Keys:
    """All keys of an API, looked up by their digests.

    An attacker cannot choose the digest of a guessed key, so the time of a look-up reveals nothing.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        environment: EnvironmentKey,
        freshness: Freshness | None = None,
    ) -> None:
        """Without `freshness`, only this process changes keys."""
        self._database = database
        self._clock = clock
        self._freshness = freshness
        self.environment = environment
        self._environment_digest = None if environment.text is None else _digest(environment.text)
        self._known: _Known | None = None
        self._version = 0

    def make_first(self, files: Mapping[Path, Role]) -> None:
        """At first boot: make one key for each file, readable by its owner only, and named as the
        file."""
        with self._database.read() as connection:
            if connection.execute(_KEYS_MADE).first() is not None:
                return
        roles = {path.stem: role for path, role in files.items()}
        with self._database.write() as connection:
            if connection.execute(_KEYS_MADE).first() is not None:  # another worker was first
                return
            # The files come first: after a crash in between, the next start overwrites them with
            # new keys.
            texts = {path.stem: write_key_file(path) for path in files}
            connection.execute(delete(api_keys).where(api_keys.c.name.in_(texts)))
            actor = audit.system("start")
            for name, text in texts.items():
                self._insert(connection, actor, name, roles[name], text, None)
            connection.execute(insert(meta).values(name="keys_made", value="1"))
        self._changed()

    def authenticate(self, text: str, source: str) -> Principal | None:
        """The principal of a key; None: the key is unknown or has expired."""
        digest = _digest(text)
        found: Principal | None = None
        special = self._environment_digest
        if special is not None and hmac.compare_digest(digest, special):
            found = Principal(ENVIRONMENT, self.environment.variable, Role.ADMIN, source)
        key = self._find(digest)
        if key is not None and not self._expired(key):
            found = Principal(key.id, key.name, key.role, source)
        return found

    def is_valid(self, key_id: str) -> bool:
        """Whether the key still exists and has not expired."""
        if key_id == ENVIRONMENT:
            return self.environment.text is not None
        key = self._all().by_id.get(key_id)
        return key is not None and not self._expired(key)

    def all(self) -> list[Key]:
        """Every stored key, oldest first, the expired ones too."""
        if self._freshness is not None:  # another worker may have made one a moment ago
            self._known = None
        return list(self._all().by_id.values())

    def make(self, actor: Actor, name: str, role: Role, seconds: int | None) -> tuple[Key, str]:
        """A new key and its text. Raises `ConflictError` when the name is taken."""
        text = secrets.token_urlsafe(32)
        with self._database.write() as connection:
            taken = select(api_keys.c.id).where(api_keys.c.name == name)
            if name == self.environment.variable or connection.execute(taken).first() is not None:
                what = FieldError("name", name, "unique", f"there is a key {name!r}")
                raise ConflictError(f"there is already a key named {name!r}", errors=[what])
            count = connection.execute(select(func.count()).select_from(api_keys)).scalar_one()
            if count >= KEYS_MAX:
                raise ConflictError(f"there are {count} keys; the limit is {KEYS_MAX}")
            key = self._insert(connection, actor, name, role, text, seconds)
            actor.on_commit(connection, key, 0)
        self._changed()
        return key, text

    def remove(self, actor: Actor, key_id: str) -> None:
        """Delete a key. `NotFoundError`, or `ConflictError` for the last lasting admin key."""
        with self._database.write() as connection:
            row = connection.execute(select(api_keys).where(api_keys.c.id == key_id)).first()
            if row is None:
                raise NotFoundError(f"there is no key {key_id!r}")
            lasting = (api_keys.c.role == str(Role.ADMIN)) & api_keys.c.expires_ms.is_(None)
            others = select(api_keys.c.id).where(lasting, api_keys.c.id != key_id)
            is_lasting = row.role == str(Role.ADMIN) and row.expires_ms is None
            if is_lasting and connection.execute(others).first() is None:
                raise ConflictError(f"{row.name!r} is the last admin key that does not expire")
            connection.execute(delete(api_keys).where(api_keys.c.id == key_id))
            if self._freshness is not None:
                revoked(connection)
            told = Difference(_told(row.name, row.role, row.expires_ms), None)
            now_ms = self._clock.utc_ms()
            audit.record(connection, actor, "key.remove", row.name, now_ms, difference=told)
        self._changed()

    def _insert(
        self,
        connection: Connection,
        actor: Actor,
        name: str,
        role: Role,
        text: str,
        seconds: int | None,
    ) -> Key:
        now_ms = self._clock.utc_ms()
        expires_ms = None if seconds is None else now_ms + seconds * 1000
        key = Key(secrets.token_hex(8), name, role, now_ms, expires_ms)
        connection.execute(
            insert(api_keys).values(
                id=key.id,
                name=name,
                role=str(role),
                sha256=_digest(text),
                created_ms=now_ms,
                expires_ms=expires_ms,
            )
        )
        told = Difference(None, _told(name, str(role), expires_ms))
        target = f"{name} ({role})"
        audit.record(connection, actor, "key.make", target, now_ms, difference=told)
        return key

    def _find(self, digest: bytes) -> Key | None:
        found = self._all().by_digest.get(digest)
        if found is not None or self._freshness is None:
            return found
        with self._database.read() as connection:
            query = select(api_keys).where(api_keys.c.sha256 == digest)
            row = connection.execute(query).first()
        return None if row is None else _key(row)

    def _all(self) -> _Known:
        revocations = "" if self._freshness is None else self._freshness.value()
        known, version = self._known, self._version
        if known is None or known.revocations != revocations:
            with self._database.read() as connection:
                query = select(api_keys).order_by(api_keys.c.created_ms, api_keys.c.id)
                keys = [(row.sha256, _key(row)) for row in connection.execute(query)]
            by_id = {key.id: key for _, key in keys}
            known = _Known(revocations, dict(keys), by_id)
            if version == self._version:  # otherwise a change was committed in between
                self._known = known
        return known

    def _changed(self) -> None:
        self._version += 1
        self._known = None
        if self._freshness is not None:
            self._freshness.expire()

    def _expired(self, key: Key) -> bool:
        return key.expires_ms is not None and key.expires_ms <= self._clock.utc_ms()


@dataclass(frozen=True)
class _Known:
    """All stored keys, oldest first, as of one value of `Freshness`."""

    revocations: str
    by_digest: dict[bytes, Key]
    by_id: dict[str, Key]


def _key(row: AnyRow) -> Key:
    return Key(row.id, row.name, Role(row.role), row.created_ms, row.expires_ms)


def _told(name: str, role: str, expires_ms: int | None) -> dict[str, str | None]:
    """A key in the form that the audit trail stores."""
    ends = None if expires_ms is None else rfc3339(expires_ms)
    return {"name": name, "role": role, "expires_at": ends}


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()


def write_key_file(path: Path) -> str:
    """Write a new key durably to a file of mode 0600."""
    with written(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        return _write_text(path, secrets.token_urlsafe(32))


def _write_text(path: Path, text: str) -> str:
    unfinished = path.with_name(path.name + ".tmp")
    unfinished.unlink(missing_ok=True)
    try:
        fd = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "w", encoding="ascii") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(fd)
        unfinished.replace(path)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise
    log.info("made a key", file=str(path))
    return text

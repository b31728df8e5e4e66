"""The checks that every request passes before its handler: key, role, rate, storage,
idempotency."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from flask import Response, g, request

from api.access.keys.service import ENVIRONMENT, EnvironmentKey
from api.access.receipts import Receipts
from api.common.contract.errors import ForbiddenError, TooManyRequestsError, UnauthenticatedError
from api.common.contract.limits import Named, RateLimit
from api.common.contract.operations import Answer, Call, Operation
from api.common.contract.roles import KEY_HEADER, Principal, Role
from api.common.disk import StorageError
from api.common.exchange.source import neighbourhood
from api.storage.trouble import Storage

_ANYBODY = ("anybody", "anybody")


@dataclass(frozen=True)
class Limits:
    """Rate limits, in requests per minute."""

    reads: int
    """Limit of reads with one key."""
    writes: int
    """Limit of changes with one key."""
    failures: int
    """Attempts with a wrong key, for one source address."""


class Doors(Protocol):
    """The store of API keys, as the gate uses it."""

    @property
    def environment(self) -> EnvironmentKey:
        """The key from the environment."""
        ...

    def authenticate(self, text: str, source: str) -> Principal | None:
        """The principal of a key; None: the key is unknown or has expired."""
        ...


class KeyGate:
    """A gate that checks API keys; its rate limits apply to one process.

    A source that sends wrong keys is limited. The limit does not block keys of 32 random
    characters, which nobody can guess. It does block a shorter key from the environment, which a
    person chose.
    """

    def __init__(self, limits: Limits, keys: Doors, receipts: Receipts, storage: Storage) -> None:
        self._keys = keys
        self._storage = storage
        self._receipts = receipts
        self._failures = RateLimit("failed attempts", limits.failures)
        self._rates = {
            "read": RateLimit("reads", limits.reads),
            "write": RateLimit("writes", limits.writes),
        }

    def admit(self, operation: Operation) -> Principal:
        """See `api.common.contract.operations.Gate`."""
        source: str = g.source
        if operation.role is None:
            return Principal(*_ANYBODY, Role.READ, source)
        principal = self._authenticate(source)
        if not principal.role.includes(operation.role):
            raise ForbiddenError(
                f"this needs the role {operation.role}; "
                f"the key {principal.name!r} has {principal.role}"
            )
        self._rates[operation.cost].spend(principal.id, Named("key", principal.name))
        if operation.method != "GET":
            self._storage.check()
        return principal

    def may_spend(self, operation: Operation, principal: Principal) -> bool:
        """Count one more request of a known principal.

        Returns False and counts nothing if the request exceeds the limit, or is a write while the
        storage refuses writes.
        """
        if operation.method != "GET" and self._storage.trouble is not None:
            return False
        try:
            self._rates[operation.cost].spend(principal.id, Named("key", principal.name))
        except TooManyRequestsError:
            return False
        return True

    def once(self, call: Call) -> Answer | Response:
        """See `api.common.contract.operations.Gate`."""
        try:
            return self._receipts.once(call)
        except StorageError as exc:
            self._storage.failed(exc)
            raise

    def _authenticate(self, source: str) -> Principal:
        text = request.headers.get(KEY_HEADER, "")
        if not text:
            raise UnauthenticatedError(f"no key: send it in the header {KEY_HEADER}")
        principal = self._keys.authenticate(text, source)
        if principal is None:
            self._failures.spend(neighbourhood(source), Named("source", source))
            raise UnauthenticatedError("the key is unknown or has expired")
        if principal.id == ENVIRONMENT and self._keys.environment.is_weak:
            self._failures.check(neighbourhood(source), Named("source", source))
        return principal

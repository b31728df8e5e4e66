"""What every request passes before its handler: key, role, rate, idempotency."""

from __future__ import annotations

from flask import Response, g, request

from api.common.errors import ForbiddenError, UnauthenticatedError
from api.common.limits import RateLimit
from api.common.operations import Answer, Call, Operation
from api.common.roles import Principal, Role
from api.common.source import neighbourhood
from api.management.keys.service import Keys
from api.management.receipts import Receipts
from api.management.settings import ApiSettings

HEADER = "X-SecBeat-API-Key"
_ANYBODY = ("anybody", "anybody")


class NodeGate:
    """The management API's gate.

    A source that guesses is limited. Its limit does not lock out keys nobody can guess: those of 32
    random characters. A shorter MANAGEMENT_API_KEY, chosen by a person, it does.
    """

    def __init__(self, settings: ApiSettings, keys: Keys, receipts: Receipts) -> None:
        self._keys = keys
        self._receipts = receipts
        self._failures = RateLimit("failed attempts", settings.failures_per_minute)
        self._rates = {
            "read": RateLimit("reads", settings.reads_per_minute),
            "write": RateLimit("writes", settings.writes_per_minute),
        }

    def admit(self, operation: Operation) -> Principal:
        """See `api.common.operations.Gate`."""
        source: str = g.source
        if operation.role is None:
            return Principal(*_ANYBODY, Role.READ, source)
        principal = self._authenticate(source)
        if not principal.role.includes(operation.role):
            raise ForbiddenError(
                f"this needs the role {operation.role}; "
                f"the key {principal.name!r} has {principal.role}"
            )
        self._rates[operation.cost].spend(principal.id)
        return principal

    def once(self, call: Call) -> Answer | Response:
        """See `api.common.operations.Gate`."""
        return self._receipts.once(call)

    def _authenticate(self, source: str) -> Principal:
        text = request.headers.get(HEADER, "")
        if not text:
            raise UnauthenticatedError(f"no key: send it in the header {HEADER}")
        principal = self._keys.authenticate(text, source)
        if principal is None:
            self._failures.spend(neighbourhood(source))
            raise UnauthenticatedError("the key is unknown or has expired")
        if principal.id == "environment" and self._keys.environment_key_is_weak:
            self._failures.check(neighbourhood(source))
        return principal

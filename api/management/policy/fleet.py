"""The origin of the policy in force: the node's own or the fleet's, stored in ``meta``.

While the fleet's policy is in force, a local change is refused, unless it is marked to override the
fleet. While the fleet is overridden, the node accepts no policy from it until the override is
removed. The fleet's last policy, and the policy before the fleet's first one, are stored, so that
either can be restored.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, delete, select

from api.common.contract.errors import ConflictError, FieldError, ForbiddenError, NotFoundError
from api.common.contract.roles import Principal, Role
from api.storage.statements.upsert import upsert
from api.storage.tables import meta
from dataplane.policy import Stored

FLEET_NUMBER = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.[0-9]{1,18}$"
AGENT = "agent"
"""Name of the key that the agent of this node uses."""
_STATE, _SENT, _BEFORE = "fleet_policy", "fleet_policy_sent", "fleet_policy_before"


@dataclass(frozen=True)
class Ruling:
    """The fleet's policy for this node, and whether it is overridden."""

    epoch: str
    """The database of the orchestrator that the number belongs to (a UUID)."""
    number: int
    overridden: bool = False

    @classmethod
    def parse(cls, text: str) -> Ruling:
        """Parse ``<epoch>.<number>``, which matches `FLEET_NUMBER`."""
        epoch, _, number = text.rpartition(".")
        return cls(epoch, int(number))


def read(connection: Connection) -> Ruling | None:
    """The stored ruling; None: the policy is the node's own."""
    found = _get(connection, _STATE)
    return None if found is None else Ruling(**found)


def is_agent(principal: Principal) -> bool:
    """Whether the request comes from this node's agent."""
    return principal.name == AGENT


def require_agent(principal: Principal, *, or_admin: bool = False) -> None:
    """Raise `ForbiddenError` unless the request comes from this node's agent."""
    if is_agent(principal) or (or_admin and principal.role is Role.ADMIN):
        return
    raise ForbiddenError(
        f"only the key {AGENT!r} of this node's agent may send the fleet's state to this node, "
        f"not {principal.name!r}"
    )


def take(connection: Connection, new: Ruling, sent: Stored, before: Stored) -> None:
    """Store the fleet's policy; ``before`` is the policy that it replaces. Raises
    `ConflictError`."""
    now = read(connection)
    if now is not None and now.overridden:
        raise ConflictError(
            f"the fleet's policy is overridden on this node (by one in place of number "
            f"{now.number}): DELETE /api/v1/policy/override gives it back"
        )
    if now is None:
        _put(connection, _BEFORE, before)
    _put(connection, _SENT, sent)
    _put(connection, _STATE, asdict(new))


def admit_local(connection: Connection, *, override: bool) -> None:
    """Admit a local change, which may override the fleet's policy. Raises `ConflictError`."""
    now = read(connection)
    if now is None or now.overridden:
        return
    if not override:
        message = f"the fleet's policy (number {now.number}) rules this node"
        limit = "override=true, or a change in the fleet"
        raise ConflictError(
            f"{message}: change it on the orchestrator, or set override=true",
            errors=[FieldError("override", False, limit, message)],
        )
    _put(connection, _STATE, asdict(now) | {"overridden": True})


def give_back(connection: Connection) -> Stored:
    """Remove the override; returns the fleet's last policy. Raises `NotFoundError`."""
    now = read(connection)
    sent = _get(connection, _SENT)
    if now is None or sent is None or not now.overridden:
        raise NotFoundError("no policy of the fleet is overridden on this node")
    _put(connection, _STATE, asdict(now) | {"overridden": False})
    return sent


def release(connection: Connection) -> Stored | None:
    """End the fleet's rule; returns the policy before it, None: the present one stays.

    Raises `NotFoundError`.
    """
    now, before = read(connection), _get(connection, _BEFORE)
    if now is None:
        raise NotFoundError("no policy of a fleet rules this node")
    connection.execute(delete(meta).where(meta.c.name.in_((_STATE, _SENT, _BEFORE))))
    return None if now.overridden else before


def _get(connection: Connection, name: str) -> dict[str, Any] | None:
    text = connection.execute(select(meta.c.value).where(meta.c.name == name)).scalar()
    return None if text is None else json.loads(text)


def _put(connection: Connection, name: str, value: Mapping[str, Any]) -> None:
    upsert(connection, meta, {"name": name}, {"value": json.dumps(value)})

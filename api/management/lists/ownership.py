"""Ownership of entries: only the agent writes and deletes entries of the origin ``fleet``.

If another client removed one, it would be missing until the fleet sends everything again. If
another client added one, it would stay until then.
"""

from __future__ import annotations

from api.common.contract.errors import FieldError, ForbiddenError
from api.common.contract.roles import Principal
from api.lists.schemas import FLEET
from api.management.policy.fleet import AGENT, is_agent


def require_owner(principal: Principal, origin: str | None, field: str = "origin") -> None:
    """Raise `ForbiddenError` unless the key may change entries of this origin (None: of
    no origin)."""
    if origin != FLEET or is_agent(principal):
        return
    message = (
        f"{field}: entries of origin {FLEET!r} are changed by the key {AGENT!r} of this node's "
        f"agent alone, not by {principal.name!r}: change them at the orchestrator "
        f"(secbeat ... --fleet), or name an origin of this node's own"
    )
    limit = f"any origin but {FLEET}"
    raise ForbiddenError(message, errors=[FieldError(field, FLEET, limit, message)])

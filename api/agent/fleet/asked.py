"""Requests about the fleet that the agent's control socket accepts."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from api.agent.control.server import Action, Question
from api.agent.fleet.compose import Fleet
from api.common.contract.errors import NotFoundError
from api.common.contract.schemas import rfc3339


def actions(fleet: Callable[[], Fleet | None]) -> dict[str, Action]:
    """Actions by name, as in `api.agent.control.actions`; ``fleet`` is None on a node without a
    fleet."""

    def found() -> Fleet:
        one = fleet()
        if one is None:
            raise NotFoundError("this node is in no fleet: secbeat.toml has no fleet.url")
        return one

    def membership(_question: Question) -> dict[str, Any]:
        return _describe(found())

    def rotate(_question: Question) -> dict[str, Any]:
        found().membership.replace_key()
        return _describe(found())

    return {"fleet.membership": membership, "fleet.rotate_key": rotate}


def _describe(fleet: Fleet) -> dict[str, Any]:
    view = fleet.contact.view()
    has_answered = view.answered_s is not None
    return {
        "node": fleet.membership.node_id,
        "url": fleet.url,
        "registered": view.is_registered,
        "up": view.is_up(time.monotonic()),
        "reasons": view.reasons(),
        "last_contact_at": rfc3339(round(view.answered_at_s * 1000)) if has_answered else None,
        "clock_ahead_ms": view.clock_off_ms,
        "key_is_replaced": fleet.membership.is_replacing_key,
        "applied": [
            {"part": name, "number": each.number, "state": each.state, "message": each.message}
            for name, each in fleet.pursuit.applied().items()
        ],
    }

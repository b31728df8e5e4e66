"""The limits of the fleet's rules: the same as on a node."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection

from api.common.contract.errors import ConflictError, FieldError
from api.orchestrator.rules import rows
from dataplane.waf.document import GROUPS_MAX, RULES_MAX

PATTERN_BYTES_SUM_MAX = 32 << 20
"""Limit of all patterns together, as on a node."""


def check_room(
    connection: Connection, count: int, size_bytes: int, groups: Collection[str], now_ms: int
) -> None:
    """Raise `ConflictError` unless there is room for so many more rules with these patterns."""
    check_groups(connection, groups, now_ms)
    used, used_bytes = rows.usage(connection, now_ms)
    if used + count > RULES_MAX:
        raise _full(f"{RULES_MAX} rules", used, count, "rules")
    if used_bytes + size_bytes > PATTERN_BYTES_SUM_MAX:
        limit = f"{PATTERN_BYTES_SUM_MAX} bytes of patterns"
        raise _full(limit, used_bytes, size_bytes, "pattern")


def check_groups(connection: Connection, names: Collection[str], now_ms: int) -> None:
    """Raise `ConflictError` unless there is room for the groups that are new."""
    if not names:
        return
    known = rows.groups(connection, now_ms)
    new = set(names) - known
    if new and len(known) + len(new) > GROUPS_MAX:
        raise _full(f"{GROUPS_MAX} groups", len(known), len(new), "group")


def _full(limit: str, used: int, wanted: int, what: str) -> ConflictError:
    message = f"there is no room in the fleet: {used} of {limit} used, {wanted} more wanted"
    return ConflictError(message, errors=[FieldError(what, used + wanted, limit, message)])

"""The values of a rule in the audit trail: before a change and after it."""

from __future__ import annotations

from typing import Any


def values(row: Any) -> dict[str, Any]:
    """A rule; ``row``: its row in the database of a node or of the orchestrator."""
    return {
        "name": row.name,
        "pattern": row.pattern,
        "action": row.action,
        "severity": row.severity,
        "enabled": bool(row.enabled),
        "group": row.group_name,
    }

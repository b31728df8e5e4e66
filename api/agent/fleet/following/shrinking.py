"""Decides whether a snapshot would remove so much that an operator has to confirm it first."""

from __future__ import annotations

ENTRIES_MAX = 100
PERCENT_MAX = 10
"""A confirmation is needed if a snapshot removes more than so many, and more than this share. So an
orchestrator that was restored from an old backup, or set up anew, cannot lift the bans of a fleet
by itself."""


def shrinks(what: str, has: int, wanted: int) -> str | None:
    """The reason for which a snapshot has to wait for a confirmation; None: it need not wait.

    Args:
        what: ``blacklist``, ``allowlist`` or ``rules``.
        has: number of the fleet's items that this node has.
        wanted: number of items that the fleet has.
    """
    lost = has - wanted
    if lost <= ENTRIES_MAX or lost * 100 <= has * PERCENT_MAX:
        return None
    confirm = "rules" if what == "rules" else "lists"
    return (
        f"{what}: the fleet has {wanted}, this node {has} of the fleet's: more than {ENTRIES_MAX} "
        f"and {PERCENT_MAX} % would go; confirm with POST /api/v1/fleet/{confirm}/confirm"
    )

"""The values of entries in the audit trail: before a change and after it.

For a change of many entries, the first ones are listed, with the number of the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from api.access.audit.service import Difference
from api.common.contract.schemas import rfc3339
from dataplane.base.networks import Network

TOLD_MAX = 20


def values(network: Network, origin: str, held: Any, ends: int | None) -> dict[str, Any]:
    """An entry; ``held``: its row, or the `Entry` that was made; ``ends``: its end, UTC in
    milliseconds."""
    return {
        "ip": str(network),
        "origin": origin,
        "reason": held.reason,
        "duration_seconds": held.duration_s,
        "created_at": rfc3339(held.created_ms),
        "created_by": held.created_by,
        "expires_at": None if ends is None else rfc3339(ends),
    }


def difference(
    before: Sequence[Mapping[str, Any] | None], after: Sequence[Mapping[str, Any] | None]
) -> Difference:
    """The values of single entries before and after; None: there was no entry, or there is none
    now."""
    if len(before) == 1:
        return Difference(before[0], after[0])
    return Difference(_some(before), _some(after))


def _some(found: Sequence[Mapping[str, Any] | None]) -> Mapping[str, Any] | None:
    there = [each for each in found if each is not None]
    if not there:
        return None
    return {"entries": there[:TOLD_MAX], "left_out": max(0, len(there) - TOLD_MAX)}

"""A rule as requested, as stored, and the values of its row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from api.access.audit.service import Actor
from api.rules.wanted import Wanted
from api.storage.database import AnyRow
from dataplane.base.clock import Clock, Deadline
from dataplane.waf.document import RuleAction, Severity, rule_id

MANUAL, FLEET = "manual", "fleet"
"""Origins of rules: this node, and the fleet."""


@dataclass(frozen=True)
class Stored:
    """A rule of the node."""

    number: int
    origin: str
    fleet_id: int | None
    pattern: str
    action: RuleAction
    severity: Severity
    name: str | None
    group: str | None
    targets: tuple[str, ...]
    profiles: tuple[str, ...]
    enabled: bool
    created_ms: int
    created_by: str
    expires_utc_ms: int | None
    revision: int
    rejected: str | None

    @property
    def id(self) -> str:
        """The id in the API."""
        return rule_id(self.number)


@dataclass(frozen=True)
class Page:
    """A page of the rules, the number of all, and the position of the next page."""

    rules: tuple[Stored, ...]
    total: int
    next: int | None


def values_of(
    wanted: Wanted,
    number: int,
    actor: Actor,
    revision: int,
    clock: Clock,
    fleet_id: int | None = None,
) -> dict[str, Any]:
    """The row of a new rule."""
    deadline = deadline_of(wanted, clock)
    return {
        "number": number,
        "origin": MANUAL if fleet_id is None else FLEET,
        "fleet_id": fleet_id,
        "name": wanted.name,
        "group_name": wanted.group,
        "pattern": wanted.pattern,
        "pattern_bytes": len(wanted.pattern.encode()),
        "action": wanted.action,
        "severity": wanted.severity,
        "targets": list(wanted.targets),
        "profiles": list(wanted.profiles),
        "enabled": int(wanted.enabled),
        "duration_s": deadline and deadline.duration_s,
        "created_ms": clock.utc_ms(),
        "created_by": actor.principal.name,
        "expires_boot_ms": deadline and deadline.boot_ms,
        "expires_utc_ms": deadline and deadline.utc_ms,
        "revision": revision,
        "rejected": None,
    }


def deadline_of(wanted: Wanted, clock: Clock) -> Deadline | None:
    """The deadline of a rule, from the present time of the clocks."""
    if wanted.expires_utc_ms is None:
        return None
    left_ms = max(0, wanted.expires_utc_ms - clock.utc_ms())
    boot_ms = clock.boot_ms() + left_ms
    return Deadline(clock.boot_id(), boot_ms, wanted.expires_utc_ms, -(-left_ms // 1000))


def stored_of(row: AnyRow) -> Stored:
    """The rule of a row."""
    return Stored(
        number=row.number,
        origin=row.origin,
        fleet_id=row.fleet_id,
        pattern=row.pattern,
        action=row.action,
        severity=row.severity,
        name=row.name,
        group=row.group_name,
        targets=tuple(row.targets),
        profiles=tuple(row.profiles),
        enabled=bool(row.enabled),
        created_ms=row.created_ms,
        created_by=row.created_by,
        expires_utc_ms=row.expires_utc_ms,
        revision=row.revision,
        rejected=row.rejected,
    )

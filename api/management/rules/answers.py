"""Converts results of the services of the rules to bodies of answers."""

from __future__ import annotations

from api.common.contract.operations import Answer
from api.common.contract.schemas import rfc3339
from api.management.revisions.effects import State
from api.management.revisions.location import location
from api.management.rules.schemas import RuleBody, Status
from api.management.rules.values import Stored
from dataplane.waf.document import rule_id


def body_of(
    rule: Stored, state: State, hits: int | None, warnings: tuple[str, ...] = ()
) -> RuleBody:
    """The body of a rule."""
    ends = rule.expires_utc_ms
    return RuleBody(
        id=rule.id,
        origin="manual" if rule.fleet_id is None else "fleet",
        fleet_id=None if rule.fleet_id is None else rule_id(rule.fleet_id),
        name=rule.name,
        group=rule.group,
        pattern=rule.pattern,
        action=rule.action,
        severity=rule.severity,
        targets=list(rule.targets),
        profiles=list(rule.profiles),
        enabled=rule.enabled,
        status=_status(rule, state),
        created_at=rfc3339(rule.created_ms),
        created_by=rule.created_by,
        expires_at=None if ends is None else rfc3339(ends),
        hits=hits,
        revision=rule.revision,
        state=state,
        reason=rule.rejected,
        warnings=list(warnings),
    )


def to_add(rule: Stored, state: State, warnings: tuple[str, ...]) -> Answer:
    """The answer to a POST of a rule."""
    body = body_of(rule, state, 0 if state == "in_force" else None, warnings)
    if state != "in_force":
        return Answer(202, body, location(rule.revision))
    return Answer(201, body, {"Location": f"/api/v1/rules/{rule.id}"})


def to_change(rule: Stored, state: State, hits: int | None) -> Answer:
    """The answer to a PATCH."""
    body = body_of(rule, state, hits)
    return Answer(200, body) if state == "in_force" else Answer(202, body, location(rule.revision))


def to_remove(revision: int, state: State) -> Answer:
    """The answer to a DELETE."""
    return Answer(204) if state == "in_force" else Answer(202, None, location(revision))


def _status(rule: Stored, state: State) -> Status:
    if state != "in_force":
        return state
    return "active" if rule.enabled else "disabled"

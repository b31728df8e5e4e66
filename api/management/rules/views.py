"""``/rules``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from api.access.audit.service import Actor
from api.common.contract.errors import NotFoundError
from api.common.contract.limits import Named, RateLimit
from api.common.contract.operations import Answer, Call, Operation
from api.common.contract.roles import Role
from api.management.dataplane import Dataplane
from api.management.revisions.effects import Effects, State
from api.management.rules import answers
from api.management.rules.admission import Admissions
from api.management.rules.jobs import ImportJobs
from api.management.rules.schemas import (
    RuleBody,
    RulesPage,
    RulesQuery,
)
from api.management.rules.service import Rules
from api.management.rules.values import Stored
from api.rules.schemas import PatchRequest, RuleRequest
from api.rules.wanted import wanted_of
from dataplane.base.clock import Clock
from dataplane.base.errors import InvalidInputError
from dataplane.client.compiler import Candidate
from dataplane.waf.document import parse_rule_id

ADDITIONS_PER_MINUTE = 600
"""Limit per key for single rules: what the data plane can compile continuously. An import counts
once."""

NOT_THERE = "the data plane does not have it, and no longer says why"
"""The data plane keeps the reasons of the newest rejections only."""
_NUMBER_MAX = (1 << 63) - 1
"""The largest integer of SQLite."""


@dataclass(frozen=True)
class Parts:
    """The services that the handlers use."""

    rules: Rules
    admissions: Admissions
    effects: Effects
    plane: Dataplane
    jobs: ImportJobs
    clock: Clock


class RuleViews:
    """The handlers of single rules."""

    def __init__(self, parts: Parts) -> None:
        self._rules = parts.rules
        self._admissions = parts.admissions
        self._effects = parts.effects
        self._plane = parts.plane
        self._additions = RateLimit("additions of rules", ADDITIONS_PER_MINUTE)

    def show(self, call: Call) -> Answer:
        """A page of the rules."""
        query: RulesQuery = call.query
        state = self._effects.states()  # first: this stores new rejections
        page = self._rules.page(int(query.cursor or 0), query.limit, query.origin)
        bodies = self._bodies(page.rules, state)
        cursor = None if page.next is None else str(page.next)
        return Answer(200, RulesPage(rules=bodies, total=page.total, next_cursor=cursor))

    def get(self, call: Call) -> Answer:
        """One rule."""
        state = self._effects.states()
        (body,) = self._bodies([self._rules.get(_number(call))], state)
        return Answer(200, body)

    def add(self, call: Call) -> Answer:
        """Add a rule."""
        principal = call.principal
        self._additions.spend(principal.id, Named("key", principal.name))
        wanted = wanted_of(call.body)
        warnings = self._admissions.check(Candidate(wanted.pattern, wanted.targets))
        warnings += self._rules.warnings(wanted)
        actor = Actor(principal, call.request_id, call.remember(_added(warnings)))
        rule = self._rules.add(actor, wanted)
        return answers.to_add(*self._settled(rule), warnings)

    def change(self, call: Call) -> Answer:
        """Change a rule's action or group, or enable or disable it."""
        request: PatchRequest = call.body
        actor = Actor(call.principal, call.request_id)
        rule = self._rules.change(actor, _number(call), request.values())
        rule, state = self._settled(rule)
        hits = self._plane.rule_hits([rule.number]) or {}
        return answers.to_change(rule, state, hits.get(rule.number))

    def remove(self, call: Call) -> Answer:
        """Remove a rule."""
        actor = Actor(call.principal, call.request_id)
        revision = self._rules.remove(actor, _number(call))
        return answers.to_remove(revision, self._effects.settle(revision, of_rules=True))

    def _settled(self, rule: Stored) -> tuple[Stored, State]:
        """The rule and whether it is in force; a rejected rule has the reason."""
        state = self._effects.settle(rule.revision, of_rules=True)
        return (self._rules.get(rule.number) if state == "rejected" else rule), state

    def _bodies(self, rules: Sequence[Stored], state: Callable[..., State]) -> list[RuleBody]:
        hits = self._plane.rule_hits([rule.number for rule in rules])
        found = []
        for rule in rules:
            now = state(rule.revision, rule.rejected, of_rules=True)
            count = None if hits is None else hits.get(rule.number)
            if now == "in_force" and hits is not None and count is None:
                rule, now = replace(rule, rejected=NOT_THERE), "rejected"  # noqa: PLW2901
            found.append(answers.body_of(rule, now, count))
        return found


def operations(parts: Parts) -> list[Operation]:
    """The operations on single rules."""
    views, read, operate = RuleViews(parts), Role.READ, Role.OPERATE
    return [
        Operation(
            "GET",
            "/rules",
            views.show,
            "The WAF's rules, a page at a time",
            read,
            {200: RulesPage},
            query=RulesQuery,
            etag=True,
        ),
        Operation(
            "POST",
            "/rules",
            views.add,
            "Add a rule to the WAF; 202 when it is not in force yet",
            operate,
            {201: RuleBody, 202: RuleBody},
            errors=(409, 503),
            body=RuleRequest,
            idempotent=True,
        ),
        Operation(
            "GET",
            "/rules/{rule}",
            views.get,
            "One rule of the WAF, with its hits",
            read,
            {200: RuleBody},
            errors=(404,),
            etag=True,
        ),
        Operation(
            "PATCH",
            "/rules/{rule}",
            views.change,
            "Change a rule's action, group or `enabled`; 202 when that is not in force yet",
            operate,
            {200: RuleBody, 202: RuleBody},
            errors=(404, 409, 503),
            body=PatchRequest,
        ),
        Operation(
            "DELETE",
            "/rules/{rule}",
            views.remove,
            "Remove a rule from the WAF; 202 when that is not in force yet",
            operate,
            {204: None, 202: None},
            errors=(404, 409, 503),
        ),
    ]


def _number(call: Call) -> int:
    try:
        number = parse_rule_id(call.path["rule"])
    except InvalidInputError as exc:
        raise NotFoundError(str(exc)) from exc
    if number > _NUMBER_MAX:
        raise NotFoundError(f"there is no rule {number}")
    return number


def _added(warnings: tuple[str, ...]) -> Callable[[Stored, int], Answer]:
    return lambda rule, _revision: answers.to_add(rule, "pending", warnings)

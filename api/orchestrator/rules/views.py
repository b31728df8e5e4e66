"""``/rules`` of the fleet, for operators and nodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from api.access.audit.service import Actor
from api.common.contract.errors import NotFoundError
from api.common.contract.operations import Answer, Call, Operation
from api.common.contract.roles import Role
from api.common.contract.schemas import Strict, rfc3339
from api.common.exchange.bodies import Upload
from api.orchestrator.following.part import FollowedPart
from api.orchestrator.following.spread import Spread, revision_location
from api.orchestrator.nodes.views import own_node
from api.orchestrator.rules.following import fields_of, followed
from api.orchestrator.rules.importing import Imported, Importer
from api.orchestrator.rules.schemas import (
    FleetRuleBody,
    FleetRulesPage,
    FollowedRules,
    FollowRulesQuery,
    RulesImportBody,
    RulesQuery,
    SpreadRuleBody,
)
from api.orchestrator.rules.service import FleetRules
from api.rules.lines import NDJSON
from api.rules.schemas import PatchRequest, RuleRequest
from api.rules.wanted import wanted_of
from api.storage.database import AnyRow, Database
from dataplane.base.clock import Clock
from dataplane.base.errors import InvalidInputError
from dataplane.waf.document import parse_rule_id

_NUMBER_MAX = (1 << 63) - 1
"""The largest integer of the databases."""


class ConfirmedRulesBody(Strict):
    """The change at which it was confirmed."""

    revision: int


@dataclass(frozen=True)
class Services:
    """The services that the handlers use."""

    rules: FleetRules
    importer: Importer
    followed: FollowedPart[FollowRulesQuery]
    spread: Spread

    @classmethod
    def make(cls, database: Database, clock: Clock) -> Services:
        """Make the services, for the threads of one worker."""
        rules = FleetRules(database, clock)
        common = (database, clock, rules.log)
        return cls(rules, Importer(*common), followed(*common), Spread(*common))


class RuleViews:
    """The handlers."""

    def __init__(self, services: Services) -> None:
        self._rules = services.rules
        self._importer = services.importer
        self._spread = services.spread

    def show(self, call: Call) -> Answer:
        """A page of the rules."""
        query: RulesQuery = call.query
        page = self._rules.page(int(query.cursor or 0), query.limit)
        cursor = None if page.next is None else str(page.next)
        found = [_body(row) for row in page.rules]
        return Answer(200, FleetRulesPage(rules=found, total=page.total, next_cursor=cursor))

    def get(self, call: Call) -> Answer:
        """One rule."""
        row = self._rules.get(_number(call))
        return Answer(200, SpreadRuleBody(**_fields(row), nodes=self._spread.counts(row.change)))

    def add(self, call: Call) -> Answer:
        """Add a rule."""
        request: RuleRequest = call.body
        actor = Actor(call.principal, call.request_id, call.remember(lambda row, _: _added(row)))
        return _added(self._rules.add(actor, wanted_of(request)))

    def import_(self, call: Call) -> Answer:
        """Add many rules."""
        upload: Upload = call.body
        remember = call.remember(lambda found, _: _imported(found))
        actor = Actor(call.principal, call.request_id, remember)
        return _imported(self._importer.run(actor, upload.path))

    def change(self, call: Call) -> Answer:
        """Change a rule's action or group, or enable or disable it."""
        request: PatchRequest = call.body
        values = request.values()
        if "enabled" in values:
            values["enabled"] = bool(values["enabled"])
        actor = Actor(call.principal, call.request_id)
        return Answer(200, _body(self._rules.change(actor, _number(call), values)))

    def remove(self, call: Call) -> Answer:
        """Remove a rule."""
        change = self._rules.remove(Actor(call.principal, call.request_id), _number(call))
        return Answer(204, None, revision_location(self._rules.log.part, change))

    def confirm(self, call: Call) -> Answer:
        """Confirm that rules were removed on purpose."""
        change = self._rules.confirm(Actor(call.principal, call.request_id))
        return Answer(200, ConfirmedRulesBody(revision=change))


def operations(services: Services) -> list[Operation]:
    """The operations of operators and nodes on the fleet's rules."""
    views, read, operate = RuleViews(services), Role.READ, Role.OPERATE
    return [
        Operation(
            "GET",
            "/rules",
            views.show,
            "The fleet's rules of the WAF, a page at a time",
            read,
            {200: FleetRulesPage},
            query=RulesQuery,
            etag=True,
        ),
        Operation(
            "POST",
            "/rules",
            views.add,
            "Add a rule to the WAF of every node",
            operate,
            {201: FleetRuleBody},
            errors=(409,),
            body=RuleRequest,
            idempotent=True,
        ),
        Operation(
            "GET",
            "/rules/{rule}",
            views.get,
            "One rule of the fleet, and the number of nodes on which it is in force",
            read,
            {200: SpreadRuleBody},
            errors=(404,),
            etag=True,
        ),
        Operation(
            "PATCH",
            "/rules/{rule}",
            views.change,
            "Change a rule's action, group or `enabled` on every node",
            operate,
            {200: FleetRuleBody},
            errors=(404, 409),
            body=PatchRequest,
        ),
        Operation(
            "DELETE",
            "/rules/{rule}",
            views.remove,
            "Remove a rule from the WAF of every node; the nodes' own rules stay",
            operate,
            {204: None},
            errors=(404,),
        ),
        Operation(
            "POST",
            "/rules/import",
            views.import_,
            "Add up to 50,000 rules to the WAF of every node, all or none",
            operate,
            {200: RulesImportBody, 201: RulesImportBody},
            errors=(409,),
            uploads=(NDJSON,),
            idempotent=True,
        ),
        *_following(views, services.followed),
    ]


def _following(views: RuleViews, told: FollowedPart[FollowRulesQuery]) -> list[Operation]:
    def follow(call: Call) -> Answer:
        own_node(call)
        return Answer(200, told.answer(call.query))

    return [
        Operation(
            "GET",
            "/nodes/{node}/rules",
            follow,
            "The changes of the fleet's rules since a revision, or all rules",
            Role.NODE,
            {200: FollowedRules},
            query=FollowRulesQuery,
        ),
        Operation(
            "POST",
            "/fleet/rules/confirm",
            views.confirm,
            "Confirm the fleet's rules for nodes that wait because a snapshot would remove "
            "many rules",
            Role.OPERATE,
            {200: ConfirmedRulesBody},
        ),
    ]


def _number(call: Call) -> int:
    try:
        number = parse_rule_id(call.path["rule"])
    except InvalidInputError as exc:
        raise NotFoundError(str(exc)) from exc
    if number > _NUMBER_MAX:
        raise NotFoundError(f"the fleet has no rule {number}")
    return number


def _added(row: AnyRow) -> Answer:
    body = _body(row)
    return Answer(201, body, {"Location": f"/api/v1/rules/{body.id}"})


def _imported(found: Imported) -> Answer:
    body = RulesImportBody(revision=found.change, lines=found.added, added=found.added)
    return Answer(200 if found.change is None else 201, body)


def _body(row: AnyRow) -> FleetRuleBody:
    return FleetRuleBody(**_fields(row))


def _fields(row: AnyRow) -> dict[str, Any]:
    return {
        **fields_of(row),
        "status": "active" if row.enabled else "disabled",
        "created_at": rfc3339(row.created_ms),
        "created_by": row.created_by,
        "revision": row.change,
    }

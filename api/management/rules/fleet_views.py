"""``/rules/fleet``: this node's agent delivers the fleet's rules here."""

from __future__ import annotations

from api.access.audit.service import Actor
from api.common.contract.errors import FieldError, UnprocessableError
from api.common.contract.operations import Answer, Call, Operation
from api.common.contract.roles import Role
from api.management.policy.fleet import require_agent
from api.management.revisions.effects import Effects, State
from api.management.rules.fleet import FleetRules
from api.management.rules.schemas import FleetRulesBody, FleetRulesRequest, RefusedRule
from api.rules.wanted import Wanted, wanted_of
from dataplane.waf.document import parse_rule_id, rule_id


def operations(rules: FleetRules, effects: Effects) -> list[Operation]:
    """The operations of the agent."""

    def apply(call: Call) -> Answer:
        require_agent(call.principal)
        request: FleetRulesRequest = call.body
        removed = [parse_rule_id(each) for each in request.removed]
        actor = Actor(call.principal, call.request_id)
        done, refused = rules.apply(actor, _wanted(request), removed)
        state: State = "in_force"
        if done.revision is not None:
            state = effects.settle(done.revision, of_rules=True)
        body = FleetRulesBody(
            revision=done.revision,
            state=state,
            put=done.put,
            removed=done.removed,
            refused=[RefusedRule(fleet_id=rule_id(n), why=why) for n, why in refused.items()],
        )
        return Answer(200, body)

    return [
        Operation(
            "POST",
            "/rules/fleet",
            apply,
            "Add or remove the fleet's rules on this node; for the agent's key",
            Role.OPERATE,
            {200: FleetRulesBody},
            errors=(409, 503),
            body=FleetRulesRequest,
        )
    ]


def _wanted(request: FleetRulesRequest) -> dict[int, Wanted]:
    found: dict[int, Wanted] = {}
    for index, each in enumerate(request.put):
        number, field = parse_rule_id(each.fleet_id), f"put.{index}.fleet_id"
        if number in found:
            message = f"{field}: {each.fleet_id} is there twice"
            what = FieldError(field, each.fleet_id, "each rule once", message)
            raise UnprocessableError(message, errors=[what])
        found[number] = wanted_of(each)
    return found

"""``/policy``."""

from __future__ import annotations

from api.access.audit.service import Actor
from api.common.contract.operations import Answer, Call, Operation
from api.common.contract.roles import Role
from api.common.contract.schemas import rfc3339
from api.common.policies import ChangeBody, HistoryQuery, PolicyRequest
from api.management.policy import fleet
from api.management.policy.fleet import Ruling
from api.management.policy.schemas import (
    HistoryPage,
    HistoryRow,
    OverrideQuery,
    PolicyAnswer,
    PolicyBody,
    PutQuery,
    RollbackRequest,
    fleet_body,
)
from api.management.policy.service import Committed, Made, Policies, Policy
from api.management.revisions.effects import Effects, State
from api.management.revisions.location import location


class PolicyViews:
    """The handlers."""

    def __init__(self, policies: Policies, effects: Effects) -> None:
        self._policies = policies
        self._effects = effects

    def show(self, _call: Call) -> Answer:
        """The newest policy."""
        return Answer(200, self._body(self._policies.current()))

    def put(self, call: Call) -> Answer:
        """Make a document the policy."""
        query: PutQuery = call.query
        document: PolicyRequest = call.body
        if query.dry_run:
            made = self._policies.plan(document, accept_exempt=query.accept_exempt)
            return _answer(None, "dry_run", made)
        actor, accept = Actor(call.principal, call.request_id), query.accept_exempt
        if query.fleet is not None:
            fleet.require_agent(call.principal)
            new = Ruling.parse(query.fleet)
            done = self._policies.put_of_fleet(actor, document, new, accept_exempt=accept)
        else:
            done = self._policies.put(
                actor, document, accept_exempt=accept, override=query.override
            )
        return self._settled(done)

    def give_back(self, call: Call) -> Answer:
        """Return to the fleet's policy."""
        return self._settled(self._policies.give_back(Actor(call.principal, call.request_id)))

    def release(self, call: Call) -> Answer:
        """Return to the policy before the fleet's."""
        fleet.require_agent(call.principal, or_admin=True)
        return self._settled(self._policies.release(Actor(call.principal, call.request_id)))

    def history(self, call: Call) -> Answer:
        """The former policies, in pages."""
        query: HistoryQuery = call.query
        before = None if query.cursor is None else int(query.cursor)
        found, total, following = self._policies.page(query.limit, before)
        cursor = None if following is None else str(following)
        rows = [_row(policy) for policy in found]
        return Answer(200, HistoryPage(history=rows, total=total, next_cursor=cursor))

    def past(self, call: Call) -> Answer:
        """One former policy."""
        return Answer(200, self._body(self._policies.get(call.number("a revision"))))

    def rollback(self, call: Call) -> Answer:
        """Apply a former policy again."""
        wanted: RollbackRequest = call.body
        actor = Actor(call.principal, call.request_id, call.remember(_pending))
        query: OverrideQuery = call.query
        return self._settled(
            self._policies.rollback(
                actor,
                wanted.revision,
                accept_exempt=wanted.accept_exempt,
                override=query.override,
            )
        )

    def _settled(self, done: Committed) -> Answer:
        revision, made = done
        return _answer(revision, self._effects.settle(revision), made)

    def _body(self, policy: Policy) -> PolicyBody:
        return PolicyBody(
            revision=policy.revision,
            state=self._state(policy.revision),
            created_at=_time(policy),
            created_by=policy.created_by,
            fleet=fleet_body(self._policies.fleet()),
            policy=policy.document,
        )

    def _state(self, revision: int) -> State:
        return "in_force" if revision == 0 else self._effects.revision(revision)[1]


def operations(policies: Policies, effects: Effects) -> list[Operation]:
    """The operations on the policy."""
    views, change = PolicyViews(policies, effects), {200: PolicyAnswer, 202: PolicyAnswer}
    read, operate = Role.READ, Role.OPERATE
    return [
        Operation("GET", "/policy", views.show, "The policy", read, {200: PolicyBody}, etag=True),
        Operation(
            "PUT",
            "/policy",
            views.put,
            "Apply a policy, completely or not at all; 202 when that is not in force yet",
            operate,
            change,
            errors=(409, 503),
            query=PutQuery,
            body=PolicyRequest,
        ),
        Operation(
            "GET",
            "/policy/history",
            views.history,
            "Earlier policies, newest first",
            read,
            {200: HistoryPage},
            query=HistoryQuery,
        ),
        Operation(
            "GET",
            "/policy/history/{number}",
            views.past,
            "The policy that a revision made",
            read,
            {200: PolicyBody},
            errors=(404,),
        ),
        Operation(
            "POST",
            "/policy/rollback",
            views.rollback,
            "Apply an earlier policy again",
            operate,
            change,
            errors=(404, 409, 503),
            query=OverrideQuery,
            body=RollbackRequest,
            idempotent=True,
        ),
        Operation(
            "DELETE",
            "/policy/override",
            views.give_back,
            "End an override: the fleet's last policy is in force again",
            operate,
            change,
            errors=(404, 503),
        ),
        Operation(
            "DELETE",
            "/policy/fleet",
            views.release,
            "Remove the fleet's policy from this node; for its agent and for admins",
            operate,
            change,
            errors=(404, 503),
        ),
    ]


def _answer(revision: int | None, state: str, made: Made) -> Answer:
    found = [ChangeBody.model_validate(each._asdict()) for each in made.changes]
    body = PolicyAnswer.model_validate(
        {
            "revision": revision,
            "state": state,
            "name": made.name,
            "replaces": made.replaces,
            "of_revision": made.of_revision,
            "changes": found,
            "warnings": made.warnings,
        }
    )
    if revision is None or state == "in_force":
        return Answer(200, body)
    return Answer(202, body, location(revision))


def _pending(made: Made, revision: int) -> Answer:
    return _answer(revision, "pending", made)


def _row(policy: Policy) -> HistoryRow:
    return HistoryRow(
        revision=policy.revision,
        name=policy.name,
        rules=policy.rule_count,
        profiles=policy.profile_count,
        action=policy.action,
        created_at=_time(policy),
        created_by=policy.created_by,
    )


def _time(policy: Policy) -> str | None:
    return None if policy.created_ms is None else rfc3339(policy.created_ms)

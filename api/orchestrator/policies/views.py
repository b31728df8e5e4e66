"""``/policy``, ``/deployments`` and ``/nodes/{node}/policy``."""

from __future__ import annotations

from api.access.audit.service import Actor
from api.common.contract.operations import Answer, Call, Operation
from api.common.contract.roles import Role
from api.common.policies import HistoryQuery, PolicyRequest
from api.orchestrator.nodes.views import own_node
from api.orchestrator.policies import bodies
from api.orchestrator.policies.schemas import (
    DeploymentBody,
    DeploymentPage,
    DeploymentQuery,
    DeploymentsQuery,
    DeployQuery,
    FleetPolicyBody,
    NodePolicyBody,
    PlanBody,
    RollbackRequest,
    VersionPage,
)
from api.orchestrator.policies.service import Policies
from api.orchestrator.policies.sight import Sight
from dataplane.policy import PolicyDocument


class PolicyViews:
    """The handlers of ``/policy``."""

    def __init__(self, policies: Policies) -> None:
        self._policies = policies

    def show(self, _call: Call) -> Answer:
        """The policy of the newest deployment that stands."""
        return Answer(200, bodies.version(self._policies.current()))

    def deploy(self, call: Call) -> Answer:
        """Deploy a policy to nodes."""
        body: PolicyRequest = call.body
        return self._deploy(call, "policy.deploy", body)

    def rollback(self, call: Call) -> Answer:
        """Deploy a former version to nodes."""
        wanted: RollbackRequest = call.body
        return self._deploy(call, "policy.rollback", self._policies.earlier(wanted.number))

    def history(self, call: Call) -> Answer:
        """The versions, a page at a time."""
        query: HistoryQuery = call.query
        before = None if query.cursor is None else int(query.cursor)
        rows, total, following = self._policies.history(query.limit, before)
        cursor = None if following is None else str(following)
        found = [bodies.version_row(row) for row in rows]
        return Answer(200, VersionPage(history=found, total=total, next_cursor=cursor))

    def past(self, call: Call) -> Answer:
        """One version."""
        number = call.number("a version")
        return Answer(200, bodies.version(self._policies.version(number)))

    def of_node(self, call: Call) -> Answer:
        """The policy of a node."""
        epoch, row, accept_exempt = self._policies.of_node(own_node(call))
        return Answer(200, bodies.of_node(epoch, row, accept_exempt=accept_exempt))

    def _deploy(self, call: Call, action: str, document: PolicyDocument) -> Answer:
        how: DeployQuery = call.query
        if how.dry_run:
            planned = self._policies.plan(document, how)
            return Answer(200, bodies.plan(document.name, how.selector, planned))
        actor = Actor(
            call.principal, call.request_id, call.remember(lambda sight, _: _accepted(sight))
        )
        return _accepted(self._policies.deploy(actor, action, document, how))


class DeploymentViews:
    """The handlers of ``/deployments``."""

    def __init__(self, policies: Policies) -> None:
        self._policies = policies

    def page(self, call: Call) -> Answer:
        """Deployments, a page at a time."""
        query: DeploymentsQuery = call.query
        before = None if query.cursor is None else int(query.cursor)
        rows, total, following = self._policies.page(query.limit, before)
        cursor = None if following is None else str(following)
        found = [bodies.deployment_row(row, counts) for row, counts in rows]
        return Answer(200, DeploymentPage(deployments=found, total=total, next_cursor=cursor))

    def show(self, call: Call) -> Answer:
        """One deployment with a page of its nodes."""
        sight = self._policies.sight(_deployment(call))
        return Answer(200, bodies.deployment(sight, call.query))

    def confirm(self, call: Call) -> Answer:
        """Confirm a deployment."""
        actor = Actor(call.principal, call.request_id)
        return Answer(200, bodies.deployment(self._policies.confirm(actor, _deployment(call))))

    def cancel(self, call: Call) -> Answer:
        """Withdraw a deployment."""
        actor = Actor(call.principal, call.request_id)
        return Answer(200, bodies.deployment(self._policies.cancel(actor, _deployment(call))))


def operations(policies: Policies) -> list[Operation]:
    """The operations on the fleet's policy."""
    views, read, operate = PolicyViews(policies), Role.READ, Role.OPERATE
    return [
        Operation(
            "GET",
            "/policy",
            views.show,
            "The policy that was deployed last and was not withdrawn",
            read,
            {200: FleetPolicyBody},
            errors=(404,),
            etag=True,
        ),
        Operation(
            "POST",
            "/policy",
            views.deploy,
            "Deploy a policy to all nodes or to those of a selector; 200 for a dry run",
            operate,
            {200: PlanBody, 202: DeploymentBody},
            errors=(409,),
            query=DeployQuery,
            body=PolicyRequest,
            idempotent=True,
        ),
        Operation(
            "GET",
            "/policy/history",
            views.history,
            "The versions of the policy, newest first",
            read,
            {200: VersionPage},
            query=HistoryQuery,
        ),
        Operation(
            "GET",
            "/policy/history/{number}",
            views.past,
            "One version of the policy",
            read,
            {200: FleetPolicyBody},
            errors=(404,),
            etag=True,
        ),
        Operation(
            "POST",
            "/policy/rollback",
            views.rollback,
            "Deploy an earlier version again, as a new one; 200 for a dry run",
            operate,
            {200: PlanBody, 202: DeploymentBody},
            errors=(404, 409),
            query=DeployQuery,
            body=RollbackRequest,
            idempotent=True,
        ),
        Operation(
            "GET",
            "/nodes/{node}/policy",
            views.of_node,
            "The fleet's policy for the node; for the node's own key",
            Role.NODE,
            {200: NodePolicyBody},
            errors=(404,),
            etag=True,
        ),
        *_of_deployments(DeploymentViews(policies)),
    ]


def _of_deployments(views: DeploymentViews) -> list[Operation]:
    read, operate = Role.READ, Role.OPERATE
    return [
        Operation(
            "GET",
            "/deployments",
            views.page,
            "Deployments of policies, newest first",
            read,
            {200: DeploymentPage},
            query=DeploymentsQuery,
        ),
        Operation(
            "GET",
            "/deployments/{number}",
            views.show,
            "A deployment, and the progress of each of its nodes",
            read,
            {200: DeploymentBody},
            errors=(404,),
            query=DeploymentQuery,
            etag=True,
        ),
        Operation(
            "POST",
            "/deployments/{number}/confirm",
            views.confirm,
            "Confirm a deployment, so that it is not withdrawn at its time limit",
            operate,
            {200: DeploymentBody},
            errors=(404, 409),
        ),
        Operation(
            "POST",
            "/deployments/{number}/cancel",
            views.cancel,
            "Withdraw a running deployment: its nodes get their earlier policy back",
            operate,
            {200: DeploymentBody},
            errors=(404, 409),
        ),
    ]


def _accepted(sight: Sight) -> Answer:
    location = {"Location": f"/api/v1/deployments/{sight.row.id}"}
    return Answer(202, bodies.deployment(sight), location)


def _deployment(call: Call) -> int:
    return call.number("a deployment")

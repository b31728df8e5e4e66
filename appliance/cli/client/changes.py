"""The common end of changing commands: wait if requested, then report the result."""

from __future__ import annotations

from dataclasses import replace

from appliance.cli.client.answers import Answer
from appliance.cli.client.node_api import NodeApi
from appliance.cli.terminal.output import Output, warn


def settle(api: NodeApi, answer: Answer, timeout_s: float | None) -> Answer:
    """The answer, after its revision is in force when ``timeout_s`` is given.

    Raises:
        RefusedError: the node has rejected it.
        TryLaterError: still pending after ``timeout_s``.
    """
    is_rejected = state_of(answer) == "rejected"  # the revision has the reason
    is_awaited = timeout_s is not None and answer.pending
    if answer.revision is None or not (is_rejected or is_awaited):
        return answer
    state = str(api.wait_in_force(answer.revision, timeout_s or 0)["state"])
    body = {**answer.body, "state": state} if isinstance(answer.body, dict) else answer.body
    return replace(answer, status=200, body=body)


def settle_in_fleet(api: NodeApi, answer: Answer, timeout_s: float | None, part: str) -> Answer:
    """The same as `settle`, for a change of the fleet's ``lists`` or ``rules``, on all reachable
    nodes.

    The body gets ``state`` and ``nodes``, the number of nodes that have it. Raises the errors of
    `settle`.
    """
    if answer.revision is None or timeout_s is None:
        return answer
    found = api.wait_in_force(answer.revision, timeout_s, f"fleet/{part}/revisions")
    body = answer.body if isinstance(answer.body, dict) else {}
    return replace(answer, body={**body, "state": found["state"], "nodes": found["nodes"]})


def state_of(answer: Answer) -> str:
    """``in_force`` or ``pending``, also for answers without a body."""
    if isinstance(answer.body, dict) and "state" in answer.body:
        return str(answer.body["state"])
    return "pending" if answer.pending else "in_force"


def changes_nothing(answer: Answer) -> bool:
    """Whether the API has found nothing to change."""
    return isinstance(answer.body, dict) and answer.body.get("revision", 0) is None


def say_unchanged(output: Output, what: str, answer: Answer) -> None:
    """Print one line about a request that changes nothing; warnings go to stderr."""
    _warn(answer)
    output.line(f"{what}: nothing is changed")


def say(output: Output, what: str, answer: Answer) -> None:
    """Print one line about the change and whether it is in force; warnings go to stderr."""
    _warn(answer)
    revision = f" (revision {answer.revision})" if answer.revision is not None else ""
    effect = {
        "in_force": "in force",
        "pending": "pending: committed, not yet in force",
    }.get(state_of(answer), state_of(answer))
    output.line(f"{what}: {effect}{revision}")


def _warn(answer: Answer) -> None:
    body = answer.body if isinstance(answer.body, dict) else {}
    for warning in body.get("warnings") or ():
        warn(f"warning: {warning}")

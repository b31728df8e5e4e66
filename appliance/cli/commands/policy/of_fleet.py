"""``secbeat policy ... --fleet``: requests to the orchestrator, and its answers."""

from __future__ import annotations

import shlex
from typing import Any

from appliance.cli.client.fleet_api import FleetApi
from appliance.cli.client.node_api import Query
from appliance.cli.client.problems import RefusedError
from appliance.cli.commands.fleet.deployments import tell
from appliance.cli.commands.fleet.following import follow
from appliance.cli.commands.policy.rollout import Rollout
from appliance.cli.exits import Exit
from appliance.cli.terminal.output import Output
from appliance.cli.terminal.tables import KEY, KEY_TEXT, Column, Columns

HISTORY: Columns = {
    "number": KEY,
    "name": Column(2),
    "profiles": Column(5),
    "rules": Column(6),
    "action": Column(3),
    "created_at": Column(1),
    "created_by": Column(4),
}
CHANGES: Columns = {
    "profile": KEY,
    "setting": KEY_TEXT,
    "before": Column(1, wraps=True),
    "after": KEY_TEXT,
}
"""The effect of a policy, before or after its deployment."""
_NODES: Columns = {
    "node": KEY,
    "from_number": Column(1),
    "would": KEY,
    "message": KEY_TEXT,
}


def get(api: FleetApi, number: int | None) -> dict[str, Any]:
    """The policy that was deployed last, or a version."""
    path = "policy" if number is None else f"policy/history/{number}"
    found: dict[str, Any] = api.get(path).body
    return found


def plan(api: FleetApi, document: dict[str, Any], how: Rollout, more: Query, out: Output) -> None:
    """Print the effect of a deployment, with the nodes that it changes."""
    body = api.post("policy", document, {**how.query(), **more, "dry_run": "true"}).body
    if out.as_json:
        out.document(body)
        return
    out.line(f"{body['name']} would go to {body['total']} nodes")
    for number in body["supersedes"]:
        out.line(f"deployment {number} goes on and would end")
    for group in body["changes"]:
        of = "no policy of the fleet" if group["from_number"] is None else group["from_number"]
        out.line("")
        out.line(f"{group['nodes']} nodes that have {of}:")
        out.table(CHANGES, [[row[name] for name in CHANGES] for row in group["changes"]])
    kept = [each for each in body["nodes"] if each["would"] != "change"]
    if kept:
        out.line("")
        out.table(_NODES, [[row[name] for name in _NODES] for row in kept])


def deploy(
    api: FleetApi,
    output: Output,
    path: str,
    body: dict[str, Any],
    query: Query,
    timeout_s: float | None,
) -> None:
    """Start a deployment, and follow it if ``timeout_s`` is given. Raises the errors of
    `follow`."""
    found: dict[str, Any] = api.post(path, body, query).body
    if timeout_s is not None:
        found = follow(api, found["id"], timeout_s, output)
    tell(output, found)


def rollback(
    api: FleetApi,
    output: Output,
    number: int | None,
    how: Rollout,
    more: Query,
    timeout_s: float | None,
) -> None:
    """Deploy an earlier version, print how to undo that, and follow it if ``timeout_s`` is given.

    Raises the errors of `follow`.
    """
    query = {**how.query(), **more}
    patience_s = None if timeout_s is None else how.patience_s(timeout_s)
    if output.as_json:
        deploy(api, output, "policy/rollback", _wanted(number), query, patience_s)
        return
    replaced, number = _current(api), number or _before_newest(api)
    found: dict[str, Any] = api.post("policy/rollback", _wanted(number), query).body
    output.line(f"version {number} is the newest policy again, as version {found['policy']}")
    if replaced is not None:
        selector = f" --selector {shlex.quote(how.selector)}" if how.selector else ""
        output.line(f"to undo it: secbeat policy rollback {replaced} --fleet{selector}")
    if patience_s is not None:
        found = follow(api, found["id"], patience_s, output)
    tell(output, found)


def _wanted(number: int | None) -> dict[str, int]:
    return {} if number is None else {"number": number}


def _current(api: FleetApi) -> int | None:
    """The version that was deployed last; None: there is none."""
    try:
        return int(api.get("policy").body["number"])
    except RefusedError as error:
        if error.exit_code != Exit.REFUSED:
            raise
        return None


def _before_newest(api: FleetApi) -> int | None:
    """The version before the newest; None: there is none, and the orchestrator refuses."""
    rows = api.get("policy/history", {"limit": 2}).body["history"]
    return int(rows[1]["number"]) if len(rows) > 1 else None


def tell_history(api: FleetApi, limit: int, output: Output) -> None:
    """List the versions, newest first."""
    page = api.get("policy/history", {"limit": limit}).body
    if output.as_json:
        output.document(page)
    else:
        output.table(HISTORY, [[row[name] for name in HISTORY] for row in page["history"]])

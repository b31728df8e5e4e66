"""Waits until a node has completed or ended its drain, according to its heartbeats."""

from __future__ import annotations

import time
from functools import partial
from typing import Any, Literal

from api.common import draining
from appliance.cli.client.fleet_api import FleetApi
from appliance.cli.client.outlasting import outlast
from appliance.cli.client.problems import RefusedError, TryLaterError
from appliance.cli.terminal.output import warn

POLL_S = 1.0
Desired = Literal["draining", "active"]


def wait(api: FleetApi, path: str, asked: dict[str, Any], timeout_s: float) -> dict[str, Any]:
    """The node after its drain is complete or has ended; progress goes to stderr.

    Args:
        path: path of the node in the API.
        asked: the answer to the request; only later heartbeats are considered.
        timeout_s: time limit, also while the orchestrator is away.

    Raises:
        RefusedError: another request has changed the desired state meanwhile.
        TryLaterError: the time limit is exceeded.
    """
    node, desired, said = str(asked["id"]), asked["desired"], ""
    until_s = time.monotonic() + timeout_s
    state = "drained" if desired == "draining" else "at work again"
    late = f"node {node!r} is not {state} within {timeout_s:g} s, and is still to be {desired}"
    while True:
        found: dict[str, Any] = outlast(
            partial(api.get, path), late, until_s - time.monotonic()
        ).body
        lacks = _lacks(found, asked)
        if not lacks:
            return found
        if found["desired"] != desired:
            raise RefusedError(
                f"another request has set node {node!r} to {found['desired']} meanwhile"
            )
        if lacks != said:
            warn(f"{node}: {lacks}")
        said = lacks
        if time.monotonic() >= until_s:
            raise TryLaterError(f"{late}: {lacks}")
        time.sleep(POLL_S)


def _lacks(found: dict[str, Any], asked: dict[str, Any]) -> str | None:
    """The remaining condition, as text for an operator."""
    drains, drain = asked["desired"] == "draining", found["drain"]
    if found["status"] in {"unreachable", "registering"}:
        reasons = "".join(f", {each}" for each in found["reasons"])
        return f"is {found['status']}{reasons}"
    is_done = drain is not None and drain["state"] == "applied" and bool(drain["number"]) == drains
    if not is_done or found["last_seen_at"] == asked["last_seen_at"]:
        return f"has not reported {'its drain' if drains else 'the end of its drain'}"
    left = draining.left(found["stats"]) if drains else None
    return None if left is None else f"drains, {left}"

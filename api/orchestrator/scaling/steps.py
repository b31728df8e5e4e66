"""The steps of a job. Each step first checks what is done already, so that a second attempt
continues where the first one was killed and creates no node twice."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from api.common.contract.errors import UnavailableError
from api.orchestrator.nodes.registry import Registry
from api.orchestrator.scaling import fleet
from api.orchestrator.scaling.following import Missing
from api.orchestrator.scaling.held import Held
from api.orchestrator.scaling.provisioner import TURN_S, Provisioner, ProvisionerError
from api.orchestrator.scaling.settings import ScalingSettings

DESTROY_S = 180
LIST_S = 20
FOLLOW_S = 60
"""Time limit for the healthy nodes to apply the fleet's state, all together."""
_JOB_LABEL = "secbeat-job"
_LEFT = "it is deregistered, and its machine may still run; the next scale_down removes it"


@dataclass(frozen=True)
class Means:
    """The tools of a job; a test replaces the wait."""

    provisioner: Provisioner
    settings: ScalingSettings
    registry: Registry
    desired: fleet.Desired
    host: str
    """Name of this host, which the rows of its nodes store."""
    wait: Callable[[float], None] = time.sleep
    seconds: Callable[[], float] = time.monotonic


def grow(held: Held, means: Means) -> None:
    """Create the job's nodes, one after the other, and wait until they follow the fleet.

    Raises `ProvisionerError`, `UnavailableError`.
    """
    for ordinal, node in enumerate(held.row.nodes):
        held.go_on()
        state = fleet.state_of(held, node)
        if state == "active":
            continue
        if state is not None:
            # It may be registered with a key that the next node of this name would not have.
            held.say(f"{node}: left half made by an earlier attempt")
            _check_reach(held, means, [node])
            _remove(held, means, node)
        fleet.begin_node(held, node, ordinal + 1, means.host)
        _make(held, means, node)
    _await_followed(held, means, held.row.nodes)


def take_back(held: Held, means: Means) -> str | None:
    """Remove all nodes that a job has created; returns those that could not be removed."""
    troubles = []
    for row in fleet.rows_of(held, held.row.nodes):
        try:
            _check_reach(held, means, [row.id])
            _remove(held, means, row.id)
        except (ProvisionerError, UnavailableError) as exc:
            troubles.append(f"node {row.id!r} is left: {exc}")
            held.say(troubles[-1])
    return "; ".join(troubles) or None


def shrink(held: Held, means: Means) -> None:
    """Drain the job's nodes, all at once, and remove them.

    Raises `ProvisionerError`, `UnavailableError`: nothing is changed if the provider does not
    answer, or if it can't remove one of the nodes.
    """
    chosen: list[str] = held.row.nodes
    _check_reach(held, means, chosen)
    _drain(held, means, chosen)
    for node in chosen:
        held.go_on()
        _remove(held, means, node)


def keep(held: Held) -> str | None:
    """End a scale-down early: the remaining nodes that it has drained become active again. Returns
    the nodes that are deregistered and may still exist."""
    fleet.resume(held, list(held.row.nodes))
    rows = fleet.rows_of(held, held.row.nodes)
    left = [f"node {row.id!r} is left: {_LEFT}" for row in rows if row.state == "removing"]
    return "; ".join(left) or None


def _make(held: Held, means: Means, node: str) -> None:
    settings = means.settings
    end_s = means.seconds() + settings.timeout_s
    held.say(f"{node}: making it")
    token = fleet.make_token(held, node, settings.timeout_s)
    labels = {_JOB_LABEL: held.job}
    details: dict[str, Any] = {
        "node": node,
        "fleet": {"url": settings.url, "token": token, "labels": labels},
    }
    means.provisioner.ask("create", details, settings.timeout_s, held.hear)
    held.say(f"{node}: made; waiting until it is healthy")
    _await_health(held, means, node, end_s)
    fleet.activate(held, node)
    held.say(f"{node}: healthy")


def _await_health(held: Held, means: Means, node: str, end_s: float) -> None:
    said = ""
    while (found := fleet.health(held, node)) != "healthy":
        if means.seconds() >= end_s:
            raise ProvisionerError(
                f"node {node!r} is not healthy within {means.settings.timeout_s} s: {found}"
            )
        if found != said:
            held.say(f"{node}: {found}")
        said = found
        held.go_on()
        means.wait(TURN_S)


def _await_followed(held: Held, means: Means, chosen: list[str]) -> None:
    """Wait until each node has the fleet's state in force; the log names what is missing."""
    end_s, waiting = means.seconds() + FOLLOW_S, list(chosen)
    while waiting:
        is_over, still = means.seconds() >= end_s, []
        for node in waiting:
            lacks = fleet.lacks(held, means.desired, node)
            may_come = lacks is not None and any(each.state == "pending" for each in lacks)
            if may_come and not is_over:
                still.append(node)
            else:
                held.say(f"{node}: {_followed(lacks)}")
        waiting = still
        if waiting:
            held.go_on()
            means.wait(TURN_S)


def _followed(lacks: list[Missing] | None) -> str:
    if lacks is None:
        return "is not registered any more"
    if not lacks:
        return "has applied what the fleet wants"
    return f"does not have all that the fleet wants: {'; '.join(map(str, lacks))}"


def _drain(held: Held, means: Means, chosen: list[str]) -> None:
    since_ms = held.clock.utc_ms()
    heard = fleet.drain(held, chosen)
    if not heard:
        return
    limit_s = means.settings.drain_s
    held.say(f"draining {', '.join(heard)} for at most {limit_s} s")
    end_s = means.seconds() + limit_s
    while left := fleet.undrained(held, means.desired, heard, since_ms):
        if means.seconds() >= end_s:
            known = [f"{node}: {what}" for node, what in left.items()]
            held.say(f"not drained within {limit_s} s: {', '.join(known)}")
            return
        held.go_on()
        means.wait(TURN_S)
    held.say("drained")


def _check_reach(held: Held, means: Means, chosen: list[str]) -> None:
    """Check that the provider answers, and that it is able to remove the nodes.

    A provider whose nodes exist only on its host says so. For a node that another host has made,
    its "there is no such node" would not mean that the machine is gone.

    Raises `ProvisionerError`, `UnavailableError`.
    """
    said = means.provisioner.ask("list", {}, LIST_S, held.hear)
    there = said.get("nodes")
    if not isinstance(there, list):
        raise ProvisionerError(f"the provider lists no nodes but {said!r:.100}")
    if said.get("local") is not True:
        return
    away = [
        f"node {row.id!r} was made on {row.host or 'a host that is not known'}"
        for row in fleet.rows_of(held, chosen)
        if row.host != means.host and row.id not in there
    ]
    if away:
        raise ProvisionerError(
            f"{'; '.join(away)}: the provider {means.settings.provider!r} of {means.host} does "
            f"not have the machine and can't remove it"
        )


def _remove(held: Held, means: Means, node: str) -> None:
    if not fleet.begin_removal(held, means.registry, node):
        return
    held.say(f"{node}: destroying it")
    means.provisioner.ask("destroy", {"node": node}, DESTROY_S, held.hear)
    fleet.end_removal(held, node)
    held.say(f"{node}: gone")

"""What a job does, step by step; each step looks first at what has been done, so that a second
attempt goes on where the first one was killed and makes no node twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from api.common.errors import UnavailableError
from api.orchestrator.nodes.registry import Registry
from api.orchestrator.scaling import fleet
from api.orchestrator.scaling.held import Held
from api.orchestrator.scaling.provisioner import TURN_S, Provisioner, ProvisionerError
from api.orchestrator.scaling.settings import ScalingSettings

DESTROY_S = 180
_JOB_LABEL = "secbeat-job"


@dataclass(frozen=True)
class Means:
    """What jobs are run with; a test waits in its own way."""

    provisioner: Provisioner
    settings: ScalingSettings
    registry: Registry
    wait: Callable[[float], None] = time.sleep
    seconds: Callable[[], float] = time.monotonic


def grow(held: Held, means: Means) -> None:
    """Make the job's nodes, one after the other. Raises `ProvisionerError`, `UnavailableError`."""
    for ordinal, node in enumerate(held.row.nodes):
        held.go_on()
        if fleet.begin_node(held, node, ordinal + 1):
            _make(held, means, node)


def take_back(held: Held, means: Means) -> str | None:
    """Remove all that a job has made of its nodes; returns what could not be removed."""
    return _remove_all(held, means, list(held.row.nodes))


def shrink(held: Held, means: Means) -> None:
    """Drain the job's nodes, all at once, and remove them. Raises `ProvisionerError`."""
    chosen: list[str] = held.row.nodes
    _drain(held, means, chosen)
    for node in chosen:
        held.go_on()
        _remove(held, means, node)


def keep(held: Held) -> None:
    """A scale-down ends early: the nodes that are still there work on."""
    fleet.set_desired(held, list(held.row.nodes), "active")


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


def _drain(held: Held, means: Means, chosen: list[str]) -> None:
    since_ms = held.clock.utc_ms()
    heard = fleet.set_desired(held, chosen, "draining")
    if not heard:
        return
    limit_s = means.settings.drain_s
    held.say(f"draining {', '.join(heard)} for at most {limit_s} s")
    end_s = means.seconds() + limit_s
    while left := fleet.connections_left(held, heard, since_ms):
        if means.seconds() >= end_s:
            known = [f"{node} has {count}" for node, count in left.items() if count is not None]
            held.say(f"connections are left: {', '.join(known) or 'how many is not known'}")
            return
        held.go_on()
        means.wait(TURN_S)
    held.say("no connections are left")


def _remove_all(held: Held, means: Means, chosen: list[str]) -> str | None:
    troubles = []
    for node in chosen:
        try:
            _remove(held, means, node)
        except (ProvisionerError, UnavailableError) as exc:
            troubles.append(f"node {node!r} is left: {exc}")
            held.say(troubles[-1])
    return "; ".join(troubles) or None


def _remove(held: Held, means: Means, node: str) -> None:
    if not fleet.begin_removal(held, means.registry, node):
        return
    held.say(f"{node}: destroying it")
    means.provisioner.ask("destroy", {"node": node}, DESTROY_S, held.hear)
    fleet.end_removal(held, node)
    held.say(f"{node}: gone")

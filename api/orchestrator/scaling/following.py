"""Compares a node's last heartbeat with its desired state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from api.orchestrator.following.schemas import DesiredBody

_PARTS = ("policy", "lists", "rules")


@dataclass(frozen=True)
class Missing:
    """A part that is not in force on a node."""

    part: str
    number: int
    """The wanted number."""
    state: str
    """``pending``: it may still be applied; else the state that the node reports."""
    message: str | None

    def __str__(self) -> str:
        """A text for operators."""
        why = "" if self.message is None else f" ({self.message})"
        return f"{self.part} {self.number} is {self.state}{why}"


def missing(wanted: DesiredBody, applied: Mapping[str, Any]) -> list[Missing]:
    """The parts of policy, lists and rules that a node lacks; parts that the fleet does not have
    are skipped."""
    found = []
    for part in _PARTS:
        number = getattr(wanted, part)
        if not number:
            continue
        said = applied.get(part)
        if said is None or not _is_of(said, part, wanted.epoch, number):
            found.append(Missing(part, number, "pending", None))
        elif said["state"] != "applied":
            found.append(Missing(part, number, said["state"], said["message"]))
    return found


def drains(wanted: DesiredBody, applied: Mapping[str, Any]) -> bool:
    """Whether a node has reported that it drains, as wanted."""
    said = applied.get("drain")
    if said is None or wanted.state != "draining":
        return False
    return bool(said["epoch"] == wanted.epoch and said["number"] and said["state"] == "applied")


def _is_of(said: Mapping[str, Any], part: str, epoch: str, number: int) -> bool:
    """Whether a node reports the wanted number; for lists and rules it may be a newer one."""
    if said["epoch"] != epoch:
        return False
    return bool(said["number"] == number or (part != "policy" and said["number"] > number))

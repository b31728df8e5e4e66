"""How far a node is with what the fleet wants of it, judged from its last heartbeat."""

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
    """What the fleet wants."""
    state: str
    """``pending``: it may still come; else the node's word for what it has done instead."""
    message: str | None

    def __str__(self) -> str:
        """For people."""
        why = "" if self.message is None else f" ({self.message})"
        return f"{self.part} {self.number} is {self.state}{why}"


def missing(wanted: DesiredBody, applied: Mapping[str, Any]) -> list[Missing]:
    """What a node lacks of policy, lists and rules; of what the fleet has none, it lacks none."""
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
    """Whether a node has said that it drains, as the fleet wants it to."""
    said = applied.get("drain")
    if said is None or wanted.state != "draining":
        return False
    return bool(said["epoch"] == wanted.epoch and said["number"] and said["state"] == "applied")


def _is_of(said: Mapping[str, Any], part: str, epoch: str, number: int) -> bool:
    """Whether a node speaks of what is wanted; of lists and rules it may have fetched newer."""
    if said["epoch"] != epoch:
        return False
    return bool(said["number"] == number or (part != "policy" and said["number"] > number))

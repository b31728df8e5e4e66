"""Looks up a network on both lists: the entries that cover it, and those that lie within it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from api.common.contract.errors import NotFoundError
from api.lists import kinds
from api.lists.reading import ListedBody, Verdict
from dataplane.base.networks import Network
from dataplane.statelog import ListName

INSIDE_MAX = 3
"""Networks of each list that are named as lying within the requested one."""
COUNTED_MAX = 1000
_VERDICTS: dict[ListName, Verdict] = {"allowlist": "allowed", "blacklist": "banned"}

E = TypeVar("E")


@dataclass(frozen=True)
class Listed:
    """A network on a list."""

    list: ListName
    network: Network


@dataclass(frozen=True)
class Reading(Generic[E]):
    """Reads the lists of one database, as of one moment."""

    holders: Callable[[ListName], Mapping[Network, Sequence[E]]]
    """The entries of the networks that contain the whole requested one, longest prefix first."""
    contained: Callable[[ListName, int], Sequence[Network]]
    """At most so many networks within the requested one, itself included."""
    acts: Callable[[E], bool]
    """Whether an entry counts for the verdict."""
    whose: str = ""
    """The owner of the lists in messages."""


@dataclass(frozen=True)
class LookUp(Generic[E]):
    """The result of a look-up of a network."""

    asked: Network
    list: ListName
    """The list of ``entries``: the requested one, else the only one that covers the network."""
    entries: Sequence[E]
    """The entries of one list: those of the network itself, else of the longest prefix that covers
    it."""
    verdict: Verdict
    decided_by: Listed | None
    covering: Sequence[Listed]
    """The covering entries of both lists, the longest prefix first."""
    inside: Sequence[Listed]

    def fields(self) -> dict[str, Any]:
        """The fields of a `CoveringBody`."""
        return {
            "asked": str(self.asked),
            "list": self.list,
            "verdict": self.verdict,
            "decided_by": None if self.decided_by is None else _body(self.decided_by),
            "covering": list(map(_body, self.covering)),
            "inside": list(map(_body, self.inside)),
        }


def look_up(name: ListName, asked: Network, reading: Reading[E]) -> LookUp[E]:
    """The look-up of a network; entries of the other list count if this one has none.

    Raises `NotFoundError`: neither list covers it. The message names entries within it.
    """
    found = {each: reading.holders(each) for each in kinds.LISTS}
    covering = [Listed(each, network) for each in kinds.LISTS for network in found[each]]
    covering.sort(key=lambda each: each.network.prefix_length, reverse=True)
    if not covering:
        raise NotFoundError(_uncovered(asked, reading))
    inside = [
        Listed(each, network)
        for each in kinds.LISTS
        for network in reading.contained(each, INSIDE_MAX)
        if network != asked
    ]
    shown = name if found[name] else covering[0].list
    decided_by = _decided_by(found, reading.acts)
    verdict: Verdict = "none" if decided_by is None else _VERDICTS[decided_by.list]
    entries = next(iter(found[shown].values()))
    return LookUp(asked, shown, entries, verdict, decided_by, covering, inside)


def _uncovered(asked: Network, reading: Reading[E]) -> str:
    """The message for a network that no entry covers; it may contain networks of the lists."""
    text = f"{asked} is on neither list{reading.whose}, and no entry covers it"
    for name in kinds.LISTS:
        if inside := reading.contained(name, COUNTED_MAX + 1):
            more = len(inside) > COUNTED_MAX
            count = f"more than {COUNTED_MAX}" if more else str(len(inside))
            named = ", ".join(map(str, inside[:INSIDE_MAX]))
            networks = "network" if len(inside) == 1 else "networks"
            such = "such as " if len(inside) > INSIDE_MAX else ""
            text += f"; {count} {networks} of the {name} within it: {such}{named}"
    return text


def _decided_by(
    found: Mapping[ListName, Mapping[Network, Sequence[E]]], acts: Callable[[E], bool]
) -> Listed | None:
    """An allow beats every ban; in each list the longest prefix decides."""
    for name in ("allowlist", "blacklist"):
        for network, entries in found[name].items():
            if any(map(acts, entries)):
                return Listed(name, network)
    return None


def _body(found: Listed) -> ListedBody:
    return ListedBody(list=found.list, ip=str(found.network))

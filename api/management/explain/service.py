"""Explains the verdict on a packet now: the data plane's answer with authors and reasons.

The data plane's own tables give the answer. The database only adds the authors and reasons of the
entries that the answer names.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from api.common.contract.errors import NotFoundError
from api.management.dataplane import Dataplane
from api.management.lists.service import Entry, Lists
from api.management.overlays.rows import Stored
from api.management.overlays.service import Overlays
from dataplane.base.networks import KEY_BITS, Network
from dataplane.client import PacketExplanation, PacketQuestion
from dataplane.shared.explained import CoveringEntry
from dataplane.shared.incidents import Incident
from dataplane.statelog import ListName

OTHERS_S_MAX = 2.0
"""Time limit for the question about the other profiles; profiles that were not asked
are reported."""
DEFAULT = 0
"""Index of the default profile."""


@dataclass(frozen=True)
class Covering:
    """An entry of the data plane, and its row in the database."""

    entry: CoveringEntry
    decides: bool
    origins: Sequence[Entry]


@dataclass(frozen=True)
class Other:
    """A profile that would treat the packet differently."""

    name: str
    answer: PacketExplanation


@dataclass(frozen=True)
class Told:
    """The answer and the data that belong to it."""

    question: PacketQuestion
    answer: PacketExplanation
    profiles: Mapping[int, str]
    entries: Sequence[Covering]
    attacks: Sequence[Incident]
    overlays: Sequence[Stored]
    others: Sequence[Other]
    warnings: Sequence[str]

    @property
    def profile(self) -> str:
        """The name of the packet's profile."""
        return self.profiles.get(self.answer.profile, f"profile {self.answer.profile}")

    def is_source(self, attack: Incident) -> bool:
        """Whether the source is among the heaviest of an attack."""
        source = str(Network(self.question.source, KEY_BITS))
        return any(each.address == source for each in attack.sources.top)

    def is_target(self, attack: Incident) -> bool:
        """Whether the packet's destination is the target of an attack."""
        if attack.target_kind == "port":
            return attack.target == "outside"
        if attack.target_kind == "profile":
            return attack.target == self.profile
        if attack.network is None or self.question.destination is None:
            return False
        return attack.network.contains(Network(self.question.destination, KEY_BITS))


class Explaining:
    """Asks the data plane about packets."""

    def __init__(
        self,
        plane: Dataplane,
        lists: Lists,
        overlays: Overlays,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._plane = plane
        self._lists = lists
        self._overlays = overlays
        self._monotonic = monotonic

    def explain(self, question: PacketQuestion) -> Told:
        """The verdict on a packet now; raises `DataplaneAwayError`."""
        profiles = self._plane.profiles()
        answer = self._plane.explain(question)
        others, left_out = self._others(question, answer, profiles)
        warnings = [f"{left_out} profiles were not asked: {OTHERS_S_MAX:g} s were over"]
        told = Told(
            question=question,
            answer=answer,
            profiles=profiles,
            entries=self._entries(answer),
            attacks=(),
            overlays=(),
            others=others,
            warnings=warnings if left_out else [],
        )
        attacks = [
            each
            for each in self._plane.incidents()
            if each.is_active and (told.is_source(each) or told.is_target(each))
        ]
        laid = [
            each
            for each in self._overlays.all()
            if each.kind == "panic" or each.document.get("profile") == told.profile
        ]
        return replace(told, attacks=attacks, overlays=laid)

    def _entries(self, answer: PacketExplanation) -> list[Covering]:
        """The entries that decide: an allow beats every ban; in each list the longest prefix
        decides."""
        deciding = next(
            (each for each in answer.entries if each.list == "allowlist"),
            next(iter(answer.entries), None),
        )
        return [
            Covering(each, each is deciding, self._origins(each.list, each.network))
            for each in answer.entries
        ]

    def _origins(self, name: ListName, network: Network) -> Sequence[Entry]:
        try:
            return self._lists.get(name, network)
        except NotFoundError:  # the data plane is a moment behind, or ahead
            return ()

    def _others(
        self, question: PacketQuestion, answer: PacketExplanation, profiles: Mapping[int, str]
    ) -> tuple[list[Other], int]:
        """Profiles that would treat the packet differently, and how many were not asked."""
        if question.destination is not None:
            return [], 0
        end = self._monotonic() + OTHERS_S_MAX
        found: list[Other] = []
        waiting = sorted(index for index in profiles if index != DEFAULT)
        while waiting and self._monotonic() < end:
            index = waiting.pop(0)
            other = self._plane.explain(replace(question, profile=index))
            if (other.verdict, other.reason) != (answer.verdict, answer.reason):
                found.append(Other(profiles[index], other))
        return found, len(waiting)

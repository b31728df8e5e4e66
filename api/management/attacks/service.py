"""Attacks on the node: those that the agent has recorded, and the newest from the data plane.

Both sources are merged. The data plane's figures and the agent's response take precedence. So an
attack is visible as soon as the data plane publishes it, also while the agent is away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from api.common.attacks import Document, attack_document
from api.common.contract.errors import NotFoundError
from api.history.reading import History, HistoryAwayError
from api.management.attacks import rows
from api.management.attacks.rows import Filter, Position
from api.management.dataplane import Dataplane
from api.storage.database import AnyRow
from dataplane.base.errors import DataplaneAwayError
from dataplane.shared.incidents import Incident

NO_DATAPLANE = "the data plane is away: attacks are shown as the agent has recorded them"
_CARRIED_OUT = ("state", "until", "entries")
"""Fields of a response that only the agent knows."""


@dataclass(frozen=True)
class Page:
    """Attacks, newest first."""

    attacks: Sequence[Document]
    total: int
    next: Position | None
    """Position of the next page; None: this is the last page."""
    warnings: Sequence[str]
    """The data that are missing, and the reasons."""


class Attacks:
    """All attacks on a node."""

    def __init__(self, history: History, plane: Dataplane) -> None:
        self._history = history
        self._plane = plane

    def page(self, wanted: Filter, before: Position | None, limit: int) -> Page:
        """Up to ``limit`` attacks that began before a position."""
        live, warnings = self._live()
        fresh = [each for each in live.values() if _meets(each, wanted)]
        recorded: list[tuple[Position, Document]] = []
        known: dict[str, Document] = {}
        total = len(fresh)
        try:
            with self._history.read() as connection:
                recorded = rows.page(connection, wanted, live.keys(), before, limit + 1)
                known = rows.documents(connection, live.keys())
                total += rows.count(connection, wanted, live.keys())
        except HistoryAwayError as exc:
            warnings.append(f"past attacks are missing: {exc}")
        found = recorded + [
            ((each.started_at, each.id), _document(each, known.get(each.id)))
            for each in fresh
            if before is None or (each.started_at, each.id) < before
        ]
        found.sort(key=lambda pair: pair[0], reverse=True)
        following = found[limit - 1][0] if len(found) > limit else None
        return Page([document for _, document in found[:limit]], total, following, warnings)

    def get(self, attack: str) -> Document:
        """One attack.

        Raises `NotFoundError`; `HistoryAwayError` if only the agent could know it.
        """
        live = self._live()[0].get(attack)
        try:
            with self._history.read() as connection:
                recorded = rows.documents(connection, [attack]).get(attack)
        except HistoryAwayError:
            if live is None:
                raise
            recorded = None
        if live is not None:
            return _document(live, recorded)
        if recorded is None:
            raise NotFoundError(f"there is no attack {attack!r}; it may be older than the history")
        return recorded

    def captured(self, attack: str) -> tuple[Document, Sequence[AnyRow]]:
        """One attack and its sample packets; raises the errors of `get`."""
        document = self.get(attack)
        with self._history.read() as connection:
            return document, rows.captured(connection, attack)

    def _live(self) -> tuple[dict[str, Incident], list[str]]:
        """The attacks that the data plane publishes, and a warning if it is away."""
        try:
            return {each.id: each for each in self._plane.incidents()}, []
        except DataplaneAwayError:
            return {}, [NO_DATAPLANE]


def _document(live: Incident, recorded: Mapping[str, Mapping[str, object]] | None) -> Document:
    if recorded is None:
        return attack_document(live)
    response = recorded["response"]
    return attack_document(live, {name: response[name] for name in _CARRIED_OUT})


def _meets(attack: Incident, wanted: Filter) -> bool:
    return (
        wanted.state in {None, attack.state}
        and wanted.type in {None, attack.type}
        and wanted.profile in {None, attack.profile}
        and (wanted.targets is None or attack.target in wanted.targets)
        and (
            wanted.since_ms is None or attack.ended_at is None or attack.ended_at >= wanted.since_ms
        )
    )

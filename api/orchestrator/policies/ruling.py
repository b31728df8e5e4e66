"""Which deployment rules which node: derived, never stored.

The newest deployment that stands, selects the node's labels, has come to it (a canary's comes to
that node alone) and whose policy it understands. So a node that registers later or gets another
label, and one that was away, needs nothing of its own; and a deployment that is withdrawn gives
each node back what it had.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from api.orchestrator.database.tables.nodes import nodes
from api.orchestrator.database.tables.policies import deployments
from api.orchestrator.selector import Selector, parse_selector
from api.storage.database import AnyRow

_STANDING = (
    select(
        deployments.c.id,
        deployments.c.policy,
        deployments.c.selector,
        deployments.c.rule_types,
        deployments.c.state,
        deployments.c.canary,
    )
    .where(deployments.c.stands == 1)
    .order_by(deployments.c.id.desc())
)
_NODES = select(nodes.c.id, nodes.c.labels, nodes.c.rule_types)


@dataclass(frozen=True)
class Standing:
    """A deployment that stands."""

    id: int
    policy: int
    selector: Selector
    rule_types: frozenset[str]
    only: str | None
    """The one node that it has come to; None: all that it selects."""

    @classmethod
    def of(cls, row: AnyRow) -> Standing:
        """Of a row of ``deployments``."""
        return cls(
            id=row.id,
            policy=row.policy,
            selector=parse_selector(row.selector),
            rule_types=frozenset(row.rule_types),
            only=row.canary if row.state == "canary" else None,
        )

    def unknown_to(self, row: AnyRow) -> list[str]:
        """Rule types that a node does not know; what it has not said, it may know."""
        return sorted(self.rule_types - set(row.rule_types)) if row.rule_types else []

    def rules(self, row: AnyRow) -> bool:
        """Whether a node is to have this policy, unless a newer one rules it."""
        return (
            self.only in {None, row.id}
            and self.selector.matches(row.labels)
            and not self.unknown_to(row)
        )

    def covers(self, older: Standing) -> bool:
        """Whether this rules every node that the older one could."""
        return (
            self.only is None
            and self.selector.covers(older.selector)
            and self.rule_types <= older.rule_types
        )


class Ruling:
    """All deployments that stand, newest first."""

    def __init__(self, standing: Iterable[Standing]) -> None:
        self.standing = tuple(standing)

    @classmethod
    def read(cls, connection: Connection) -> Ruling:
        """As of a transaction."""
        return cls(map(Standing.of, connection.execute(_STANDING)))

    def of(self, row: AnyRow) -> Standing | None:
        """What rules a node (a row with id, labels and rule_types); None: nothing."""
        return next((each for each in self.standing if each.rules(row)), None)


def part(connection: Connection) -> Callable[[str], Mapping[str, Any]]:
    """The field ``policy`` of `api.orchestrator.following.schemas.DesiredBody`."""
    ruling = Ruling.read(connection)
    found = {}
    if ruling.standing:
        for row in connection.execute(_NODES):
            standing = ruling.of(row)
            found[row.id] = None if standing is None else standing.policy
    return lambda node: {"policy": found.get(node)}

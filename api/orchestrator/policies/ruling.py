"""Selects the deployment that determines the policy of a node: derived, never stored.

It is the newest deployment that stands, selects the node's labels, has reached the node (a canary's
reaches that node only), and whose rule types the node supports. So nodes that register later, get
another label, or were away need no state of their own; and a withdrawn deployment returns each node
to its former policy.
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
    """The only node that it has reached; None: all selected ones."""

    @classmethod
    def of(cls, row: AnyRow) -> Standing:
        """The deployment of a row of ``deployments``."""
        return cls(
            id=row.id,
            policy=row.policy,
            selector=parse_selector(row.selector),
            rule_types=frozenset(row.rule_types),
            only=row.canary if row.state == "canary" else None,
        )

    def unknown_to(self, row: AnyRow) -> list[str]:
        """Rule types that a node does not support; a node without a report supports all."""
        return sorted(self.rule_types - set(row.rule_types)) if row.rule_types else []

    def rules(self, row: AnyRow) -> bool:
        """Whether the node gets this policy, unless a newer deployment applies to it."""
        return (
            self.only in {None, row.id}
            and self.selector.matches(row.labels)
            and not self.unknown_to(row)
        )

    def covers(self, older: Standing) -> bool:
        """Whether this applies to every node that the older one can apply to."""
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
        """Read them within a transaction."""
        return cls(map(Standing.of, connection.execute(_STANDING)))

    def of(self, row: AnyRow) -> Standing | None:
        """The deployment for a node (a row with id, labels and rule_types); None: none applies."""
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

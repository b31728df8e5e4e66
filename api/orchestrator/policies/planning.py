"""The effect of a deployment, for ``dry_run``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from api.orchestrator.database.tables.nodes import nodes
from api.orchestrator.policies import versions
from api.orchestrator.policies.ruling import Ruling, Standing
from api.orchestrator.policies.starting import superseded
from api.orchestrator.selector import Selector
from api.storage.database import AnyRow
from dataplane.policy import Change, PolicyDocument, changes

_NONE: dict[str, Any] = {"name": "default"}
NAMED_MAX = 1000
"""Nodes that a plan names."""


@dataclass(frozen=True)
class Would:
    """The effect on one node, and the reason; ``number``: its present version."""

    node: str
    number: int | None
    would: str
    message: str | None


@dataclass(frozen=True)
class Planned:
    """The effect of a deployment."""

    changes: Sequence[tuple[int | None, int, list[Change]]]
    """Groups of nodes with the same present version: the nodes, their number, the changes."""
    nodes: Sequence[Would]
    total: int
    supersedes: Sequence[int]


def plan(connection: Connection, document: PolicyDocument, selector: Selector) -> Planned:
    """The changes by a document on the nodes that a selector selects."""
    ruling = Ruling.read(connection)
    new = Standing(0, 0, selector, versions.types_of(document), None)
    found = list(_each(connection, ruling, new))
    before = Counter(each.number for each in found if each.would == "change")
    return Planned(
        [
            (number, count, changes(_document(connection, number), document))
            for number, count in sorted(before.items(), key=lambda each: each[0] or 0)
        ],
        found[:NAMED_MAX],
        len(found),
        [row.id for row in superseded(connection, selector)],
    )


def _each(connection: Connection, ruling: Ruling, new: Standing) -> Iterator[Would]:
    for row in connection.execute(select(nodes).order_by(nodes.c.id)):
        if not new.selector.matches(row.labels):
            continue
        now = ruling.of(row)
        number = None if now is None else now.policy
        yield Would(row.id, number, *_would(row, new))


def _would(row: AnyRow, new: Standing) -> tuple[str, str | None]:
    if unknown := new.unknown_to(row):
        return "reject", f"{row.version} does not know rules of type {', '.join(unknown)}"
    if (row.applied.get("policy") or {}).get("state") == "overridden":
        return "stay_overridden", "a policy of its own is in force there until it is given back"
    return "change", None


def _document(connection: Connection, number: int | None) -> dict[str, Any]:
    return _NONE if number is None else versions.get(connection, number).document

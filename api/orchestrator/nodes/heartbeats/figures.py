"""Writes the figures of many nodes: one statement for all heartbeats of a second."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    ColumnElement,
    Connection,
    bindparam,
    cast,
    column,
    func,
    select,
    update,
)

from api.orchestrator.database.tables.nodes import nodes
from api.orchestrator.nodes.heartbeats.memory import Waiting

BEFORE = {"stats_before": nodes.c.stats, "seen_before_ms": nodes.c.seen_ms}
"""Columns for the former figures, set with each heartbeat."""


def write(connection: Connection, waiting: Mapping[str, Waiting]) -> set[str]:
    """Write the figures that are newer, if the row has the same stamp; returns the
    written nodes."""
    figures = {
        node: each.figures.columns() | {"stamp": each.stamp} for node, each in waiting.items()
    }
    return set(connection.execute(_WRITE, {"figures": figures}).scalars())


def _statement() -> Any:
    """The statement. Both databases support ``json_each``: one parameter yields a row for each
    node.

    Rows are locked in the order of their ids, so that two workers cannot deadlock.
    """
    each = func.json_each(bindparam("figures", type_=JSON))
    new = each.table_valued("key", column("value", JSON), name="new")
    seen_ms = _whole(new.c.value["seen_ms"])
    mine = (
        select(
            nodes.c.id,
            seen_ms.label("seen_ms"),
            new.c.value["load"].as_float().label("load"),
            new.c.value["stats"].label("stats"),
            _whole(new.c.value["clock_off_ms"]).label("clock_off_ms"),
        )
        .join(new, new.c.key == nodes.c.id)
        .where(nodes.c.stamp == _whole(new.c.value["stamp"]), nodes.c.seen_ms < seen_ms)
        .order_by(nodes.c.id)
        .with_for_update(of=nodes)
        .cte("mine")
    )
    figures: dict[str, Any] = {each.name: each for each in mine.c if each.name != "id"}
    return (
        update(nodes)
        .where(nodes.c.id == mine.c.id)
        .values(figures | BEFORE | {"stamp": nodes.c.stamp})
        .returning(nodes.c.id)
    )


def _whole(value: Any) -> ColumnElement[int]:
    """A 64-bit integer, which ``as_integer`` does not accept on PostgreSQL."""
    return cast(value.as_string(), BigInteger)


_WRITE = _statement()

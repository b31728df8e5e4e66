"""``secbeat reasons``: the meaning of each drop reason, legitimate traffic that it can hit, and
advice. Uses no API."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from appliance.cli.terminal.options import JsonOption
from appliance.cli.terminal.output import Output
from appliance.cli.terminal.tables import KEY, PAIRS, Column, Columns
from dataplane.reasons.guide import Guidance, find, guide
from dataplane.reasons.page import action

COLUMNS: Columns = {
    "reason": KEY,
    "stage": Column(3),
    "default": Column(2),
    "meaning": Column(1, wraps=True),
}

NameArgument = Annotated[
    str | None,
    typer.Argument(metavar="NAME", help="A reason, as metrics name it; all of them if left out."),
]


def reasons(name: NameArgument = None, as_json: JsonOption = False) -> None:
    """Explain the reasons for which packets are dropped."""
    output = Output(as_json)
    if name is None:
        _list(output)
        return
    one = find(name)
    if as_json:
        output.document(_fields(one))
        return
    table = [
        ("reason", one.label),
        ("meaning", one.meaning),
        ("stage", one.stage),
        ("action", action(one)),
        ("defined by", "; ".join(one.written.rfc) or None),
        ("hit by mistake", one.written.mistaken),
        ("remedy", one.written.advice),
    ]
    output.table(PAIRS, table)


def _list(output: Output) -> None:
    found = guide().values()
    if output.as_json:
        output.document({"reasons": [_fields(one) for one in found]})
        return
    rows = [(one.label, one.stage, one.default, one.meaning) for one in found]
    output.table(COLUMNS, rows)


def _fields(one: Guidance) -> dict[str, Any]:
    return {
        "reason": one.label,
        "meaning": one.meaning,
        "stage": one.stage,
        "default": one.default,
        "is_structural": not one.has_choice,
        "rules": list(one.rules),
        "defined_by": list(one.written.rfc),
        "hit_by_mistake": one.written.mistaken,
        "what_to_do": one.written.advice,
    }

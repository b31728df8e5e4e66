"""Prints lists that come in pages, so that a million entries need not fit into memory."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

from appliance.cli.terminal.output import Cell, Output, warn
from appliance.cli.terminal.tables import Columns

Page = dict[str, Any]
Rows = Callable[[Iterable[dict[str, Any]]], Iterable[Sequence[Cell]]]


def write_list(
    output: Output, key: str, columns: Columns, pages: Iterable[Page], rows: Rows
) -> None:
    """Print the entries under ``key`` of each page; prints on stderr which columns were
    left out."""
    iterator = iter(pages)
    first = next(iterator)
    if output.as_json:
        _write_json(key, first, iterator)
        return
    shown = 0

    def counted() -> Iterator[Iterable[Sequence[Cell]]]:
        nonlocal shown
        for page in chain([first], iterator):
            shown += len(page[key])
            yield rows(page[key])

    output.pages(columns, counted())
    if shown < first.get("total", shown):
        warn(f"{shown} of {first['total']} shown")


def _write_json(key: str, first: Page, rest: Iterable[Page]) -> None:
    """Print one JSON document in the API's form; entries are written as they arrive."""
    out = sys.stdout
    out.write(f"{{{json.dumps(key)}: [")
    separator = "\n  "
    last = first
    for page in chain([first], rest):
        last = page
        for entry in page[key]:
            out.write(separator + json.dumps(entry))
            separator = ",\n  "
    # Only the first page is sure to have the total.
    tail = {"total": first.get("total"), "next_cursor": last.get("next_cursor")}
    out.write("\n]" + "".join(f", {json.dumps(k)}: {json.dumps(v)}" for k, v in tail.items()))
    out.write("}\n")

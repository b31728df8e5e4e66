"""The answers of both APIs about the lines of an import."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from api.common.contract.errors import ConflictError, FieldError
from api.lists.lines import Found
from api.lists.schemas import InvalidLine, SkippedLine


def fields_of_lines(
    found: Found, added: int, replaced: int, skipped: Iterable[tuple[int, str, str]]
) -> dict[str, Any]:
    """The fields of a `LinesBody`; ``skipped``: line, network and reason of the first lines."""
    return {
        "lines": found.lines,
        "networks": found.networks,
        "added": added,
        "replaced": replaced,
        "skipped": found.networks - added - replaced,
        "skipped_lines": [SkippedLine(line=line, ip=ip, why=why) for line, ip, why in skipped],
        "refused": found.refused,
        "refused_lines": [
            InvalidLine(line=line, value=value, why=why) for line, value, why in found.refused_lines
        ],
        "warnings": list(found.warnings),
    }


def lines_conflict(found: Sequence[tuple[int, str, str]]) -> ConflictError:
    """The error for conflicting lines: line, network and reason of the first ones."""
    limit = "no conflict, or on_conflict=skip or replace"
    errors = [
        FieldError(f"line {line}", network, limit, f"line {line}: {network} {why}")
        for line, network, why in found
    ]
    return ConflictError("; ".join(each.message for each in errors), errors=errors)

"""Invalid lines of an import: each is named, a hundred at most."""

from __future__ import annotations

from collections.abc import Sequence

from dataplane.base.errors import InvalidInputError, InvalidInputsError

NAMED_MAX = 100
"""Lines that an answer names, for each kind."""


class BadLineError(InvalidInputError):
    """An invalid line; ``line`` counts from 1."""

    def __init__(self, message: str, *, line: int, value: object, limit: str) -> None:
        field = f"line {line}"
        super().__init__(f"{field}: {message}", field=field, value=value, limit=limit)
        self.line = line
        self.why = message


class BadLinesError(InvalidInputsError):
    """Invalid lines; the first `NAMED_MAX` are named."""

    def __init__(self, lines: Sequence[BadLineError], count: int) -> None:
        super().__init__(lines, count)
        self.lines = lines

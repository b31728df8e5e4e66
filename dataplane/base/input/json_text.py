"""JSON as people and programs write it, in which each name of an object must occur once.

RFC 8259, section 4, leaves the meaning of a repeated name open, and Python's reader takes the last
value: a second ``rules`` would silently remove the first ones.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from dataplane.base.errors import InvalidInputError, InvalidInputsError

NAMED_MAX = 100
_LIMIT = "each name once in an object"
_SHOWN = 80


class _Repeating(dict[str, Any]):
    """An object with repeated names."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        counts = Counter(name for name, _ in pairs)
        self.names = [name for name, count in counts.items() if count > 1]


def load_json(text: str | bytes) -> Any:
    """The value of a text; bytes are UTF-8.

    Raises ValueError, RecursionError: it is not JSON; InvalidInputError: it has repeated names, and
    the error has the path of each (``rules[0].value``), a hundred at most.
    """
    repeating = list[_Repeating]()

    def made(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) == len(pairs):
            return found
        repeating.append(_Repeating(pairs))
        return repeating[-1]

    said = text.decode() if isinstance(text, bytes) else text
    value = json.loads(said, object_pairs_hook=made)
    if repeating:
        found = list(_mistakes(value, ""))
        raise InvalidInputsError(found[:NAMED_MAX], len(found)) if found[1:] else found[0]
    return value


def refuse_repeated(text: bytes) -> None:
    """Raise InvalidInputError for repeated names as `load_json` does; other mistakes are for the
    reader that follows."""
    with suppress(ValueError, RecursionError):
        load_json(text)


def _mistakes(value: Any, path: str) -> Iterator[InvalidInputError]:
    if isinstance(value, _Repeating):
        for name in value.names:
            field = f"{path}.{name[:_SHOWN]}".lstrip(".")
            message = f"{field}: occurs more than once; {_LIMIT}"
            yield InvalidInputError(message, field=field, limit=_LIMIT)
    if isinstance(value, dict):
        for name, each in value.items():
            yield from _mistakes(each, f"{path}.{name}".lstrip("."))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _mistakes(each, f"{path}[{index}]")

"""A document with JSON's values only; TOML has others: dates, times, infinity and NaN."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import date, time
from typing import Any, TypeAlias

from dataplane.base.errors import InvalidInputError
from dataplane.base.input.numbers import whole
from dataplane.policy.input.mistakes import written_as
from dataplane.policy.input.stand_ins import Place

_INT_BITS_MAX = 64
_DATE = "no field takes a date or a time; in quotes it is a text"
_NUMBER = f"a finite number, if it is whole of at most {_INT_BITS_MAX} bits"
_SURROGATE = re.compile("[\ud800-\udfff]")
_TEXT = "a text of Unicode characters"
_JSON = "a value of JSON"
_CHARACTERS_SHOWN = 80


Found: TypeAlias = dict[Place, InvalidInputError]


def as_json_values(document: Mapping[str, Any]) -> tuple[dict[str, Any], Found]:
    """A copy of a document, and a mistake for each value that JSON does not have, by its place.

    In the copy None replaces these values, so that the other mistakes can be found, and whole
    numbers are int, also those written like 60.0. Raises RecursionError: there are too many levels.
    """
    found: Found = {}
    return {name: _plain(value, (name,), found) for name, value in document.items()}, found


def _plain(value: Any, place: Place, found: Found) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(each, (*place, name), found) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each, (*place, index), found) for index, each in enumerate(value)]
    limit = _limit_of(value)
    if not limit:
        return whole(value)
    field, shown = written_as(place), _shown(value)
    message = f"{field}: {limit} (is {shown})"
    found[place] = InvalidInputError(message, field=field, value=shown, limit=limit)
    return None


def _limit_of(value: object) -> str:
    """The rule that a value breaks; empty: JSON has the value."""
    if isinstance(value, date | time):
        return _DATE
    if isinstance(value, float) and not math.isfinite(value):
        return _NUMBER
    if isinstance(value, int) and value.bit_length() > _INT_BITS_MAX:
        return _NUMBER
    if isinstance(value, str) and _SURROGATE.search(value):
        return _TEXT
    return "" if value is None or isinstance(value, str | int | float) else _JSON


def _shown(value: object) -> str:
    text = f"{value:#x}" if isinstance(value, int) else str(value)
    return text.encode("ascii", "backslashreplace").decode()[:_CHARACTERS_SHOWN]

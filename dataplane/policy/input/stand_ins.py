"""Valid values in place of wrong ones, so that the rest of a document can be checked.

A mistake that depends on a wrong value is none: with a wrong ``unit``, nobody knows whether the
``path`` beside it is allowed. So the document is checked several times, with another valid value in
each place; what is wrong every time does not depend on the values. The values come from the JSON
Schema of a policy.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, TypeAlias

from dataplane.policy.document import PolicyDocument

Place: TypeAlias = tuple[int | str, ...]
"""The names and indexes on the way to a value."""
TURNS = 4
"""The number of units, and of values of ``per``: each is there once."""
_TEXTS = ("a", "b", "/a", "/b", "AD", "AE", "1-2", "3-4")
"""Some fit each pattern."""
_NUMBER_MAX = 100_000_000
_HARMLESS_RULE = {"type": "sanity", "action": "off"}
"""A profile may have any number of them."""

_Schema: TypeAlias = Mapping[str, Any]


def replaced(document: Mapping[str, Any], places: Sequence[Place]) -> Iterator[dict[str, Any]]:
    """The document with valid values in these places, `TURNS` times: one object, changed for each
    turn. Unknown fields are left out, and lists that are too long are cut."""
    written = copy.deepcopy(dict(document))
    values = [_values_at(place, document) for place in places]
    for turn in range(TURNS):
        for place, fitting in values:
            _put(written, place, fitting[turn % len(fitting)] if fitting else _NOTHING)
        yield written


_NOTHING = object()


def _put(document: Any, place: Place, value: Any) -> None:
    try:
        for part in place[:-1]:
            document = document[part]
        if value is not _NOTHING:
            document[place[-1]] = copy.deepcopy(value)
        else:
            document.pop(place[-1], None)
    except (LookupError, TypeError):
        return  # the object around it was replaced


def _values_at(place: Place, document: Any) -> tuple[Place, list[Any]]:
    """The place to write to, and the values that fit there; none: the field is unknown.

    The place is the whole rule if the rule's type is not known.
    """
    schema: _Schema | None = _schema()
    for depth, part in enumerate(place):
        options = _options(schema or {})
        tagged = next((one for one in options if "discriminator" in one), None)
        if tagged is not None:
            tag = document.get("type") if isinstance(document, dict) else None
            models = tagged["discriminator"]["mapping"]
            if part == "type" or not isinstance(tag, str) or tag not in models:
                return place[:depth], [_HARMLESS_RULE]
            options = [_resolved({"$ref": models[tag]})]
        schema = _inner(options, part)
        try:
            document = document[part]
        except (LookupError, TypeError):
            document = None
    if schema is None:
        return place, []
    most = schema.get("maxItems")
    if isinstance(document, list) and most is not None and len(document) > most:
        return place, [document[:most]]
    return place, _values(schema)


def _inner(options: Sequence[_Schema], part: int | str) -> _Schema | None:
    for one in options:
        inner = one.get("items") if isinstance(part, int) else one.get("properties", {}).get(part)
        if inner is None and isinstance(part, str):
            inner = next(iter(one.get("patternProperties", {}).values()), None)
        if inner is not None:
            return _resolved(inner)
    return None


def _options(schema: _Schema) -> list[_Schema]:
    """The schema, or those of which a value has to fit one."""
    return [_resolved(one) for one in schema.get("anyOf", [schema])]


def _values(schema: _Schema) -> list[Any]:
    """Some values that fit a schema, different ones first."""
    schema = _resolved(schema)
    values: list[Any] = [None]
    match schema:
        case {"examples": list(values)} | {"enum": list(values)}:
            pass
        case {"const": value}:
            values = [value]
        case {"anyOf": list(options)}:
            values = [value for one in options for value in _values(one)]
        case {"discriminator": _}:
            values = [_HARMLESS_RULE]
        case {"type": "integer" | "number"}:
            values = [schema.get("minimum", 0), schema.get("maximum", _NUMBER_MAX)]
        case {"type": "string"}:
            values = [text for text in _TEXTS if re.search(schema.get("pattern", ""), text)]
        case {"type": "array", "items": items}:
            values = [[value] for value in _values(items)]
            if not schema.get("minItems"):
                values = [*values[: TURNS - 1], []]
        case {"type": "object"}:
            names = schema.get("required", ())
            fields = {name: _values(schema["properties"][name]) for name in names}
            values = [
                {name: fitting[turn % len(fitting)] for name, fitting in fields.items()}
                for turn in range(TURNS)
            ]
    return values


def _resolved(schema: _Schema) -> _Schema:
    name = schema.get("$ref")
    return schema if name is None else _schema()["$defs"][name.rpartition("/")[2]]


@cache
def _schema() -> dict[str, Any]:
    return PolicyDocument.model_json_schema()

"""Explains the mistakes in a document: every mistake, each with a correction.

It uses pydantic's errors: the place as an operator writes it (``rules[0].value``), the most similar
known field or value, an example of a required format.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from dataplane.base.errors import InvalidInputError
from dataplane.base.input.nearest import fields_beside, instead_of
from dataplane.policy.document import (
    PROFILE_NAME_LENGTH_MAX,
    PROFILE_NAME_PATTERN,
    PolicyDocument,
)
from dataplane.policy.geo import COUNTRY_PATTERN
from dataplane.policy.input.stand_ins import Place
from dataplane.policy.rules import RULES
from dataplane.policy.rules.packets.ports import RANGE_PATTERN
from dataplane.waf.document import GROUP_CHARACTERS_MAX, GROUP_PATTERN

_NAME = "1 to {} of a-z 0-9 _ . -, the first a letter or digit, as in 'web-1'"
FORMS = {
    PROFILE_NAME_PATTERN: _NAME.format(PROFILE_NAME_LENGTH_MAX),
    GROUP_PATTERN: _NAME.format(GROUP_CHARACTERS_MAX),
    COUNTRY_PATTERN: "two capital letters (ISO 3166-1 alpha-2), as in 'DE'",
    RANGE_PATTERN: "a port or a range of ports, as in 443 or '8000-8100'",
}
"""For every pattern of a policy's fields, a description with an example."""
_TYPES = "one of " + ", ".join(RULES)
_TAGS = frozenset[str]().union(*(model.TAGS for model in RULES.values()))
_QUOTED = re.compile(r"'([^']*)'")
_VALUE_MAX = 80

_Location = tuple[int | str, ...]


def mistakes_of(
    error: ValidationError, document: Mapping[str, Any], named: AbstractSet[str]
) -> list[InvalidInputError]:
    """One mistake for each wrong field, in the order of the document.

    ``named``: fields whose values have a mistake already; only that there is no such field is said
    of them too.
    """
    by_field = dict[str, list[ErrorDetails]]()
    details = error.errors(include_url=False)
    for one in details:
        if one["type"] != "too_short" or not _is_around(one, details):
            by_field.setdefault(field_of(one["loc"]), []).append(one)
    mistakes = [
        (found[0]["type"], _mistake(field, found, document)) for field, found in by_field.items()
    ]
    return [one for kind, one in mistakes if kind == "extra_forbidden" or one.field not in named]


def field_of(location: _Location) -> str:
    """A path as an operator writes it, without pydantic's additions for rules and ports."""
    return written_as(tuple(_written(location)))


def written_as(place: Place) -> str:
    """A place as an operator writes it: ``rules[0].value``."""
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.lstrip(".") or "policy"


def places_of(error: ValidationError) -> list[Place]:
    """The places of all wrong values in the document."""
    return [tuple(_written(one["loc"])) for one in error.errors(include_url=False)]


def _written(location: _Location) -> Iterator[int | str]:
    before = ("", "")
    for part in location:
        is_tag = before[1] == "[]" and (part in _TAGS or (before[0] == "rules" and part in RULES))
        if isinstance(part, int):
            yield part
            before = (before[1], "[]")
        elif is_tag:
            before = (before[0], part)  # the next part is a field, even if named like a type
        else:
            yield part
            before = (before[1], part)


def _mistake(
    field: str, found: Sequence[ErrorDetails], document: Mapping[str, Any]
) -> InvalidInputError:
    one = min(found, key=_rank)
    kind, context = one["type"], one.get("ctx", {})
    value = None if kind == "missing" else one["input"]
    if kind == "extra_forbidden":
        limit = "no such field" + instead_of(
            one["loc"][-1], fields_beside(PolicyDocument, one["loc"], RULES)
        )
    elif kind.startswith("union_tag"):
        value = context.get("tag")
        field, limit = f"{field}.type", _TYPES + instead_of(value, RULES)
    elif kind == "string_pattern_mismatch":
        limit = FORMS.get(context["pattern"], one["msg"])
    elif kind in {"enum", "literal_error"}:
        limit = one["msg"] + instead_of(value, _QUOTED.findall(str(context.get("expected"))))
    else:
        limit = one["msg"]
    shown = "" if value is None or value is document else f" (is {_short(value)})"
    return InvalidInputError(f"{field}: {limit}{shown}", field=field, value=value, limit=limit)


def _is_around(error: ErrorDetails, details: Sequence[ErrorDetails]) -> bool:
    """An item within it is wrong, so pydantic counts fewer items than were written."""
    place = error["loc"]
    return any(one["loc"][: len(place)] == place != one["loc"] for one in details)


def _rank(error: ErrorDetails) -> bool:
    """Rank of an error in a union of number and text: a text is validated as text."""
    is_about_text = error["type"] in {"string_pattern_mismatch", "literal_error"}
    return is_about_text is not isinstance(error["input"], str)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _VALUE_MAX else text[:_VALUE_MAX] + "..."

"""Selects nodes by their labels: ``edge=yes,site in (ams,fra)``.

All terms must hold: a label equals a value, or is in a set. A node without the label is not
selected. Without terms, every node is selected.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dataplane.base.errors import InvalidInputError

TERMS_MAX = 16
VALUES_MAX = 32
CHARACTERS_MAX = 1000
_LABEL = r"[a-zA-Z0-9][a-zA-Z0-9._/-]{0,62}"
_TERM = re.compile(
    rf"\s*({_LABEL})\s*(?:==?\s*({_LABEL})|\s+in\s*\(([^()]*)\))\s*(?:,|\Z)", re.ASCII
)
_VALUE = re.compile(rf"\s*({_LABEL})\s*", re.ASCII)
_SPACE = r"[ \t\n\r\f\v]"
_WORD = f"{_SPACE}*{_LABEL}{_SPACE}*"
_VALUES = f"==?{_WORD}|{_SPACE}in{_SPACE}*\\({_WORD}(,{_WORD})*\\){_SPACE}*"
SELECTOR_SCHEMA: dict[str, Any] = {
    "type": "string",
    "maxLength": CHARACTERS_MAX,
    "pattern": f"^({_SPACE}*|{_WORD}({_VALUES})(,{_WORD}({_VALUES})){{0,{TERMS_MAX - 1}}})$",
    "description": "labels that a node has, as edge=yes,site in (ams,fra); each label once",
}
"""A JSON Schema pattern for the texts of `parse_selector`, as far as it can express them."""
_LIMIT = "label=value or label in (value,value), with commas between them"


@dataclass(frozen=True)
class Selector:
    """A conjunction; ``terms`` has for each label the allowed values."""

    terms: Mapping[str, frozenset[str]]

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether a node with these labels is selected."""
        return all(labels.get(label) in values for label, values in self.terms.items())

    def overlaps(self, other: Selector) -> bool:
        """Whether both may select the same node."""
        both = self.terms.keys() & other.terms.keys()
        return all(self.terms[label] & other.terms[label] for label in both)

    def covers(self, other: Selector) -> bool:
        """Whether this one selects every node that the other selects."""
        return all(
            label in other.terms and other.terms[label] <= values
            for label, values in self.terms.items()
        )

    def __str__(self) -> str:
        return ",".join(map(_text, sorted(self.terms), map(self.terms.get, sorted(self.terms))))


def parse_selector(text: str) -> Selector:
    """Parse a selector; an empty text selects every node.

    Raises `InvalidInputError`.
    """
    if len(text) > CHARACTERS_MAX:
        raise _error(text, f"{len(text)} characters; the limit is {CHARACTERS_MAX}")
    found: dict[str, frozenset[str]] = {}
    for label, values in _terms(text):
        if label in found:
            raise _error(text, f"{label!r} is named twice")
        if len(values) > VALUES_MAX:
            raise _error(text, f"{label!r} has {len(values)} values; the limit is {VALUES_MAX}")
        found[label] = values
    if len(found) > TERMS_MAX:
        raise _error(text, f"{len(found)} terms; the limit is {TERMS_MAX}")
    return Selector(found)


def _terms(text: str) -> Iterator[tuple[str, frozenset[str]]]:
    position = 0
    while text[position:].strip():
        term = _TERM.match(text, position)
        if term is None:
            raise _error(text, f"{text[position:][:40]!r} is no term")
        position = term.end()
        if term[0].endswith(",") and not text[position:].strip():
            raise _error(text, "nothing follows the last comma")
        yield term[1], _values(text, term)


def _values(text: str, term: re.Match[str]) -> frozenset[str]:
    if term[2] is not None:
        return frozenset((term[2],))
    found = [_VALUE.fullmatch(each) for each in term[3].split(",")]
    if None in found:
        raise _error(text, f"{term[3][:40]!r} are no values")
    return frozenset(each[1] for each in found if each is not None)


def _text(label: str, values: frozenset[str] | None) -> str:
    named = sorted(values or ())
    return f"{label}={named[0]}" if len(named) == 1 else f"{label} in ({','.join(named)})"


def _error(text: str, why: str) -> InvalidInputError:
    return InvalidInputError(f"selector: {why}", field="selector", value=text[:200], limit=_LIMIT)

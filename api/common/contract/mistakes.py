"""Explains pydantic's findings about a body, a query or a line of an import to a client."""

from __future__ import annotations

from typing import NamedTuple

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from dataplane.base.input.nearest import fields_beside, instead_of

_CURSOR = "the cursor of an earlier answer"
_LINE = "text without control characters such as line breaks"
_NAME = "1 to 63 of a-z 0-9 _ . -, the first a letter or digit"
_FEED = "1 to 64 of a-z 0-9 . _ -, the first a letter or digit"
_ANY_CASE = "of A-Z a-z 0-9 . _ -, the first a letter or digit"
_ATTACK = "attack_0123456789abcdef"
_UUID = "5f3c2f7e-8f0e-4b8a-9a51-0242ac120002"

FORMS = {
    "^(manual|incident|fleet|crowdsec|feed:[a-z0-9][a-z0-9._-]{0,63})$": (
        f"manual, incident, fleet, crowdsec or feed:NAME; NAME is {_FEED}",
        "feed:drop",
    ),
    "^[^\\u0000-\\u001f\\u007f]*$": (_LINE, "port scan"),
    r"^[^\x00-\x1f\x7f]*$": (_LINE, "port scan"),
    r"^[^\x00]*$": ("text without the character NUL", "the table is full"),
    "^[!-~]+$": ("visible ASCII characters without spaces", "web"),
    r"^(any|method|path|query|cookie|body|header:[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64})$": (
        "any, method, path, query, cookie, body or header:NAME",
        "header:user-agent",
    ),
    "^[a-z0-9][a-z0-9_.-]{0,62}$": (_NAME, "web-1"),
    "^[A-Za-z0-9][A-Za-z0-9._-]*$": (_ANY_CASE, "night-shift"),
    "^[a-zA-Z0-9][a-zA-Z0-9._-]{0,62}$": (f"1 to 63 {_ANY_CASE}", "node-1"),
    "^[a-zA-Z0-9][a-zA-Z0-9._/-]{0,62}$": (
        "1 to 63 of A-Z a-z 0-9 . _ / -, the first a letter or digit",
        "rack/12",
    ),
    "^[a-z][a-z0-9_]{0,47}$": ("1 to 48 of a-z 0-9 _, the first a letter", "syn_flood"),
    "^[a-z][a-z0-9_]{0,63}$": ("1 to 64 of a-z 0-9 _, the first a letter", "attack_detected"),
    "^[A-Z]{2}$": ("two capital letters (ISO 3166-1 alpha-2)", "DE"),
    "^[0-9a-f]{64}$": ("64 digits of 0-9 a-f, a SHA-256", "0123456789abcdef" * 4),
    "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$": ("a UUID in small letters", _UUID),
    r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.[0-9]{1,18}$": (
        "epoch and number of the fleet's policy",
        f"{_UUID}.7",
    ),
    "^rule_[1-9][0-9]{0,17}$": ("the id of a rule", "rule_12"),
    "^scale-[0-9a-f]{8}$": ("the id of a job", "scale-0123abcd"),
    "^attack_[0-9a-f]{16}$": ("the id of an attack", _ATTACK),
    "^evt_[A-Za-z0-9_-]{22}$": ("the id of an event", "evt_5mYPm0Z0sT7pWj1vQx2n3A"),
    "^[0-9]{1,18}$": (_CURSOR, "100"),
    "^0[01][0-9a-f]{34}$": (_CURSOR, "0000000000000000000000ffffc000020180"),
    "^[0-9a-f]{34}([0-9a-f]{2}){0,72}$": (_CURSOR, "00000000000000000000ffffc0000201806d"),
    r"^[0-9]{1,18}\.attack_[0-9a-f]{16}$": (_CURSOR, f"1767225600000.{_ATTACK}"),
    r"^-?[0-9]{1,15}\.threat_[0-9a-f]{16}$": (_CURSOR, "1767225600000.threat_0123456789abcdef"),
}
"""For every pattern of a field, a description of the permitted values, and an example."""


class Mistake(NamedTuple):
    """One mistake. ``field`` is empty: it is about the whole; ``message`` is without the field."""

    field: str
    value: object
    limit: str
    message: str


def mistake_of(error: ErrorDetails, model: type[BaseModel]) -> Mistake:
    """One of pydantic's findings about a model, in words for a client."""
    kind, context, place = error["type"], error.get("ctx", {}), error["loc"]
    value = None if kind in {"missing", "json_type"} else error["input"]
    message = error["msg"]
    if kind == "extra_forbidden":
        message = "no such field" + instead_of(place[-1], fields_beside(model, place))
    elif kind == "string_pattern_mismatch":
        message = form_of(str(context["pattern"])) or message
    limit = str(context.get("limit", message))
    if place[-1:] == ("[key]",):  # the name of an item of an object
        place, message = place[:-2], f"the name {value!r} must be {limit}"
    field = ".".join(str(part) for part in place if not _is_form(part))
    return Mistake(field, value, limit, message)


def form_of(pattern: str) -> str | None:
    """The permitted values of a field with this pattern, with an example; None: not known."""
    found = FORMS.get(pattern)
    return None if found is None else f"{found[0]}, as in {found[1]!r}"


def _is_form(part: object) -> bool:
    """Whether the name is pydantic's tag of a form of the body, and no field of the client."""
    return isinstance(part, str) and part.startswith("<")

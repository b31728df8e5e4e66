"""The base of all bodies and queries: strict types, no unknown fields, frozen.

``true`` is no number and ``"5"`` neither. In a query string everything is text, so numbers there
are read from plain decimal digits and nothing else.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from dataplane.base.errors import InvalidInputError
from dataplane.base.input.numbers import whole

PAGE_DEFAULT = 100
PAGE_MAX = 1000
_TIME = (
    r"(?:[1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])-[0-9]{2}-[0-9]{2}"
    r"[Tt][0-9]{2}:[0-9]{2}:[0-5][0-9](?:\.[0-9]{1,9})?"
    r"(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)
"""RFC 3339 without leap seconds, as digital clocks have it."""
_RFC3339 = re.compile(rf"^{_TIME}\Z", re.ASCII)
_DIGITS = re.compile(r"[0-9]{1,18}", re.ASCII)

Timestamp = Annotated[
    str,
    WithJsonSchema(
        {"type": "string", "format": "date-time", "description": "RFC 3339, UTC, ends with Z"}
    ),
]
SENT_TIME = {
    "type": "string",
    "format": "date-time",
    "pattern": f"^{_TIME}$",
    "description": "RFC 3339 with its offset",
}
"""The schema of a time that a client sends: what `utc_ms` reads."""


class Strict(BaseModel):
    """A body, a query or an answer."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


@lru_cache(maxsize=256)  # the entries of an import have their times in common
def rfc3339(utc_ms: int) -> str:
    """Milliseconds since 1970 as RFC 3339 in UTC, with milliseconds and ``Z``."""
    text = datetime.fromtimestamp(utc_ms / 1000, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def utc_ms(text: str) -> int:
    """The reverse: milliseconds since 1970 of an RFC 3339 time with its offset.

    Raises `InvalidInputError`.
    """
    try:
        (whole,) = _RFC3339.findall(text)
        return round(datetime.fromisoformat(whole.upper()).timestamp() * 1000)
    except (ValueError, OverflowError) as exc:
        message, limit = f"{text[:40]!r} is no time", "RFC 3339, as 2026-11-08T10:30:00Z"
        raise InvalidInputError(message, field="time", value=text, limit=limit) from exc


def _time(text: str) -> str:
    try:
        utc_ms(text)
    except InvalidInputError as exc:
        context = {"limit": exc.limit, "error": str(exc)}
        raise PydanticCustomError("time", "{error}", context) from exc
    return text


Time = Annotated[str, AfterValidator(_time), WithJsonSchema(SENT_TIME)]
"""A time that a client sends, as text: `utc_ms` reads it."""


def not_all_null(*fields: str) -> dict[str, Any]:
    """A JSON Schema extension for a body: at least one of these fields has a value."""
    return {"not": {"properties": {name: {"type": "null"} for name in fields}}}


def _decimal(value: object) -> object:
    if isinstance(value, str):
        if not _DIGITS.fullmatch(value):
            raise PydanticCustomError("int_parsing", "must be a number in decimal digits")
        return int(value)
    return value


FromDecimal = BeforeValidator(_decimal)
"""Reads a number in a query string. Must follow its bounds; otherwise the OpenAPI document lacks
them."""


Whole = BeforeValidator(whole)
"""Accepts a whole number in a body, also if it is written as 60.0."""


def _flag(value: object) -> object:
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


FromFlag = BeforeValidator(_flag)
"""Reads a flag in a query string: ``true`` or ``false``."""


PageLimit = Annotated[int, Field(ge=1, le=PAGE_MAX), FromDecimal]
"""Number of items on one page of a list."""


class ProblemError(Strict):
    """One mistake in a request."""

    field: str
    value: object = None
    limit: str
    message: str


class Problem(BaseModel):
    """RFC 9457: every answer without success."""

    type: str
    title: str
    status: int
    detail: str
    request_id: str
    errors: list[ProblemError]

"""The base of all bodies and queries: strict types, no unknown fields, frozen.

``true`` is no number and ``"5"`` neither. In a query string everything is text, so numbers there
are read from plain decimal digits and nothing else.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

PAGE_DEFAULT = 100
PAGE_MAX = 1000
_DIGITS = re.compile(r"[0-9]{1,18}", re.ASCII)

Timestamp = Annotated[
    str,
    WithJsonSchema(
        {"type": "string", "format": "date-time", "description": "RFC 3339, UTC, ends with Z"}
    ),
]


class Strict(BaseModel):
    """A body, a query or an answer."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def rfc3339(utc_ms: int) -> str:
    """Milliseconds since 1970 as RFC 3339 in UTC, with milliseconds and ``Z``."""
    text = datetime.fromtimestamp(utc_ms / 1000, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def _decimal(value: object) -> object:
    if isinstance(value, str):
        if not _DIGITS.fullmatch(value):
            raise PydanticCustomError("int_parsing", "must be a number in decimal digits")
        return int(value)
    return value


FromDecimal = BeforeValidator(_decimal)
"""For a number in a query string; after its bounds, or the OpenAPI document would lack them."""


PageLimit = Annotated[int, Field(ge=1, le=PAGE_MAX), FromDecimal]
"""How many items of a list at once."""


class ProblemError(Strict):
    """One thing that is wrong with a request."""

    field: str
    value: object = None
    limit: str
    message: str


class Problem(BaseModel):
    """RFC 9457: every answer that is not a success."""

    type: str
    title: str
    status: int
    detail: str
    request_id: str
    errors: list[ProblemError]

"""Bodies and queries of the lists."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from api.common.schemas import PAGE_DEFAULT, FromDecimal, PageLimit, Strict, Timestamp
from dataplane.errors import InvalidInputError
from dataplane.networks import Network

DURATION_S_MAX = 315_360_000
"""Ten years."""
REASON_CHARACTERS_MAX = 256
NETWORK_CHARACTERS_MAX = 64

NETWORK_SCHEMA: dict[str, Any] = {
    "description": "an address, or a prefix without host bits; ::ffff: mapped IPv4 becomes IPv4",
    "examples": ["192.0.2.100", "203.0.113.0/24", "2001:db8::/32"],
    "anyOf": [
        {"type": "string", "format": "ipv4"},
        {"type": "string", "format": "ipv6"},
        {"type": "string", "pattern": "^[0-9.]{7,15}/([0-9]|[12][0-9]|3[0-2])$"},
        {
            "type": "string",
            "pattern": "^[0-9A-Fa-f:.]{2,45}/([0-9]|[1-9][0-9]|1[01][0-9]|12[0-8])$",
        },
    ],
}


def _network(text: str) -> str:
    try:
        Network.parse(text)
    except InvalidInputError as exc:
        context = {"limit": exc.limit}
        raise PydanticCustomError("network", "{error}", {**context, "error": str(exc)}) from exc
    return text


NetworkText = Annotated[str, AfterValidator(_network), WithJsonSchema(NETWORK_SCHEMA)]
Reason = Annotated[
    str, Field(max_length=REASON_CHARACTERS_MAX, pattern="^[^\\u0000-\\u001f\\u007f]*$")
]
Duration = Annotated[int, Field(ge=1, le=DURATION_S_MAX)]
QueryDuration = Annotated[int, Field(ge=1, le=DURATION_S_MAX), FromDecimal]
StateName = Literal["pending", "in_force", "rejected"]


class PageQuery(Strict):
    """Which part of a list: follow ``next_cursor`` until it is null."""

    limit: PageLimit = PAGE_DEFAULT
    cursor: Annotated[str, Field(pattern="^[A-Za-z0-9_-]{23}$")] | None = None


class EntryRequest(Strict):
    """One address or prefix to put on a list; no duration: no end."""

    ip: NetworkText
    reason: Reason | None = None
    duration_seconds: Duration | None = None


class EntryBody(Strict):
    """An entry. ``hits`` null: the data plane did not say in time."""

    ip: str
    reason: str | None
    duration_seconds: int | None
    created_at: Timestamp
    expires_at: Timestamp | None
    created_by: str
    hits: int | None
    state: StateName
    revision: int
    warnings: Annotated[list[str], Field(default_factory=list, exclude_if=lambda found: not found)]


class BlacklistPage(Strict):
    """A part of the blacklist; ``total`` counts all entries."""

    blacklist: list[EntryBody]
    total: int
    next_cursor: str | None


class AllowlistPage(Strict):
    """A part of the allowlist; ``total`` counts all entries."""

    allowlist: list[EntryBody]
    total: int
    next_cursor: str | None


class ImportQuery(Strict):
    """Defaults for every line, and what to do about lines that conflict."""

    reason: Reason | None = None
    duration_seconds: QueryDuration | None = None
    on_conflict: Literal["fail", "skip"] = "fail"


class SkippedLine(Strict):
    """A line that was left out, and why."""

    line: int
    ip: str
    why: str


class ImportBody(Strict):
    """What an import did; the first hundred skipped lines are listed."""

    revision: int | None
    state: StateName
    lines: int
    added: int
    skipped: int
    skipped_lines: list[SkippedLine]

"""Bodies and queries of the lists."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    RootModel,
    Tag,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from api.common.contract.schemas import (
    FromDecimal,
    FromFlag,
    Strict,
    Timestamp,
    Whole,
    not_all_null,
)
from dataplane.base.errors import InvalidInputError
from dataplane.base.input.network_schema import network_schema
from dataplane.base.networks import Network

DURATION_S_MAX = 315_360_000
"""Ten years."""
REASON_CHARACTERS_MAX = 256

NETWORK_SCHEMA = network_schema(
    "an address, or a prefix without host bits; ::ffff: mapped IPv4 becomes IPv4"
)


def _network(text: str) -> str:
    try:
        Network.parse(text)
    except InvalidInputError as exc:
        context = {"limit": exc.limit}
        raise PydanticCustomError("network", "{error}", {**context, "error": str(exc)}) from exc
    return text


NetworkText = Annotated[str, AfterValidator(_network), WithJsonSchema(NETWORK_SCHEMA)]
_NO_CONTROL = "^[^\\u0000-\\u001f\\u007f]*$"
Reason = Annotated[str, Field(max_length=REASON_CHARACTERS_MAX, pattern=_NO_CONTROL)]
CreatedBy = Annotated[str, Field(min_length=1, max_length=256, pattern=_NO_CONTROL)]
"""The name of the key that has made an entry, in the condition of a removal."""
Origin = Annotated[
    str,
    Field(
        pattern="^(manual|incident|fleet|crowdsec|feed:[a-z0-9][a-z0-9._-]{0,63})$",
        description="who or what has added the entry",
        examples=["manual", "feed:drop"],
    ),
]
Duration = Annotated[int, Field(ge=1, le=DURATION_S_MAX), Whole]
QueryDuration = Annotated[int, Field(ge=1, le=DURATION_S_MAX), FromDecimal]
StateName = Literal["pending", "in_force", "rejected"]
OnConflict = Literal["fail", "skip", "replace"]
OnError = Literal["fail", "skip"]
FLEET = "fleet"
"""The origin whose bans are accepted even if the allowlist covers them, since their source
considers many nodes: they take effect when the allowlist no longer covers them."""
ENTRIES_MAX = 1000
"""Entries of one POST."""
NETWORKS_MAX = 10_000
"""Networks of one removal: they fit into a body of 1 MiB."""


class OriginQuery(Strict):
    """The origin of the entry."""

    origin: Origin = "manual"


class LineRequest(Strict):
    """One address or prefix to put on a list; no duration: no end."""

    ip: NetworkText
    reason: Reason | None = None
    duration_seconds: Duration | None = None


class EntryRequest(LineRequest):
    """One address or prefix to put on a list, and its origin."""

    origin: Origin = "manual"


def few_enough(value: object) -> object:
    """Refuse a request with too many entries before each of them is looked at."""
    if isinstance(value, list) and len(value) > ENTRIES_MAX:
        text = "at most {limit} in a request, not {count}: import more of them"
        context = {"limit": f"{ENTRIES_MAX} entries", "count": len(value)}
        raise PydanticCustomError("too_many", text, context)
    return value


class EntriesRequest(Strict):
    """Up to a thousand entries, all or none."""

    entries: Annotated[
        list[EntryRequest],
        Field(min_length=1, max_length=ENTRIES_MAX, json_schema_extra={"uniqueItems": True}),
        BeforeValidator(few_enough),
    ]


def form(body: object) -> str:
    """The form of a POST's body."""
    return "<many>" if isinstance(body, dict) and "entries" in body else "<one>"


class PutRequest(
    RootModel[
        Annotated[
            Annotated[EntryRequest, Tag("<one>")] | Annotated[EntriesRequest, Tag("<many>")],
            Discriminator(form),
        ]
    ]
):
    """One entry, or up to a thousand of them in ``entries``."""


class EntryBody(Strict):
    """An entry. ``hits`` null: the data plane did not answer in time."""

    ip: str
    origin: str
    reason: str | None
    duration_seconds: int | None
    created_at: Timestamp
    expires_at: Timestamp | None
    created_by: str
    hits: int | None
    state: StateName
    revision: int
    warnings: Annotated[list[str], Field(default_factory=list, exclude_if=lambda found: not found)]


class NetworkBody(EntryBody):
    """A network: the entry that lasts longest, and in ``others`` the other entries."""

    others: list[EntryBody]


class PutEntryBody(EntryBody):
    """One of many entries, and the result for it."""

    result: Literal["created", "replaced"]


class EntriesBody(Strict):
    """The result of a POST of many entries."""

    revision: int
    state: StateName
    created: int
    replaced: int
    entries: list[PutEntryBody]


class PutBody(RootModel[EntryBody | EntriesBody]):
    """The result for one entry, or for many."""


class RemainingBody(Strict):
    """An entry is gone; entries of other origins still hold its network."""

    ip: str
    origin: str
    remaining: list[str]
    revision: int
    state: StateName


class RemoveRequest(Strict):
    """The entries to remove: those that meet every given condition. At least one is required."""

    model_config = ConfigDict(
        json_schema_extra=not_all_null("networks", "reason", "created_by", "origin")
    )

    networks: Annotated[list[NetworkText], Field(min_length=1, max_length=NETWORKS_MAX)] | None = (
        None
    )
    reason: Reason | None = None
    created_by: CreatedBy | None = None
    origin: Origin | None = None

    @model_validator(mode="after")
    def _check(self) -> RemoveRequest:
        if all(
            value is None for value in (getattr(self, name) for name in type(self).model_fields)
        ):
            text = "names nothing to remove: give {limit}"
            limit = "networks, reason, created_by or origin"
            raise PydanticCustomError("no_filter", text, {"limit": limit})
        return self


class RemoveQuery(Strict):
    """With ``dry_run``, entries are only counted."""

    dry_run: Annotated[bool, FromFlag] = False


class RemovedBody(Strict):
    """The number of entries that a removal took, or would take (``dry_run``)."""

    revision: int | None
    state: StateName | Literal["dry_run"]
    removed: int
    removed_by_origin: dict[str, int]
    kept_of_fleet: Annotated[int, Field(default=0, exclude_if=lambda found: not found)]
    """Matching entries of the fleet, which only the orchestrator can remove."""


class BlacklistPage(Strict):
    """A part of the blacklist; ``total`` counts all entries that meet the filters.

    ``total`` null: not counted again for a later page.
    """

    blacklist: list[EntryBody]
    total: int | None
    next_cursor: str | None


class AllowlistPage(Strict):
    """A part of the allowlist; ``total`` as in the blacklist."""

    allowlist: list[EntryBody]
    total: int | None
    next_cursor: str | None


class ForceQuery(Strict):
    """With ``force``, all addresses of a family may be put on a list."""

    force: Annotated[bool, FromFlag] = False


class LinesQuery(ForceQuery):
    """Defaults for all lines, and the treatment of conflicting or invalid lines."""

    reason: Reason | None = None
    duration_seconds: QueryDuration | None = None
    on_conflict: OnConflict = "fail"
    on_error: OnError = "fail"


class ImportQuery(LinesQuery):
    """The parameters of an import into a node's lists: also the origin."""

    origin: Origin = "manual"


class SkippedLine(Strict):
    """A line that was left out, and the reason."""

    line: int
    ip: str
    why: str


class InvalidLine(Strict):
    """An invalid line, and the rule that it breaks."""

    line: int
    value: str
    why: str


class LinesBody(Strict):
    """The result for the lines of an import; for each kind, the first hundred are listed.

    ``lines`` counts lines with content, ``refused`` the invalid ones of them. ``networks`` counts
    the networks of the others (a range has several): added, replaced or skipped.
    """

    lines: int
    networks: int
    added: int
    replaced: int
    skipped: int
    skipped_lines: list[SkippedLine]
    refused: int
    refused_lines: list[InvalidLine]
    warnings: list[str]


class ImportBody(LinesBody):
    """The result of an import."""

    revision: int | None
    state: StateName

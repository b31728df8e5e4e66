"""Bodies and queries of the fleet's lists: those of a node's, without origin, hits and state."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    RootModel,
    Tag,
    model_validator,
)
from pydantic_core import PydanticCustomError

from api.common.contract.schemas import (
    PAGE_DEFAULT,
    FromDecimal,
    PageLimit,
    Strict,
    Timestamp,
    not_all_null,
)
from api.lists.schemas import (
    ENTRIES_MAX,
    NETWORKS_MAX,
    LineRequest,
    LinesBody,
    NetworkText,
    Reason,
    few_enough,
    form,
)
from api.orchestrator.following.schemas import NodeCounts, SinceQuery

Cursor = Annotated[str, Field(pattern="^0[01][0-9a-f]{34}$")]
FOLLOWED_MAX = 10_000
"""Entries on a page that a node asks for."""


class PageQuery(Strict):
    """Which part of a list: follow ``next_cursor`` until it is null."""

    limit: PageLimit = PAGE_DEFAULT
    cursor: Cursor | None = None


class EntriesRequest(Strict):
    """Up to a thousand entries, all or none."""

    entries: Annotated[
        list[LineRequest],
        Field(min_length=1, max_length=ENTRIES_MAX, json_schema_extra={"uniqueItems": True}),
        BeforeValidator(few_enough),
    ]


class PutRequest(
    RootModel[
        Annotated[
            Annotated[LineRequest, Tag("<one>")] | Annotated[EntriesRequest, Tag("<many>")],
            Discriminator(form),
        ]
    ]
):
    """One entry, or up to a thousand of them in ``entries``."""


class FleetEntryBody(Strict):
    """An entry of the fleet's. ``revision``: the fleet's change that put it there."""

    ip: str
    origin: Literal["fleet"] = "fleet"
    """The origin that the entry has on nodes."""
    reason: str | None
    duration_seconds: int | None
    created_at: Timestamp
    expires_at: Timestamp | None
    created_by: str
    revision: int
    warnings: Annotated[list[str], Field(default_factory=list, exclude_if=lambda found: not found)]


class SpreadEntryBody(FleetEntryBody):
    """The same, and on how many nodes the change that put it there is in force."""

    nodes: NodeCounts


class PutEntryBody(FleetEntryBody):
    """One of many entries, and what became of it."""

    result: Literal["created", "replaced"]


class EntriesBody(Strict):
    """What a POST of many entries did."""

    revision: int
    created: int
    replaced: int
    entries: list[PutEntryBody]


class PutBody(RootModel[FleetEntryBody | EntriesBody]):
    """As was asked: one entry, or what became of many."""


class BlacklistPage(Strict):
    """A part of the fleet's blacklist; ``total`` counts all entries."""

    blacklist: list[FleetEntryBody]
    total: int
    next_cursor: str | None


class AllowlistPage(Strict):
    """A part of the fleet's allowlist; ``total`` counts all entries."""

    allowlist: list[FleetEntryBody]
    total: int
    next_cursor: str | None


class ImportBody(LinesBody):
    """What an import did."""

    revision: int | None


class RemoveRequest(Strict):
    """Which entries to remove: those that meet every condition that is given, at least one."""

    model_config = ConfigDict(json_schema_extra=not_all_null("networks", "reason", "created_by"))

    networks: Annotated[list[NetworkText], Field(min_length=1, max_length=NETWORKS_MAX)] | None = (
        None
    )
    reason: Reason | None = None
    created_by: Annotated[str, Field(min_length=1, max_length=256)] | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.networks is None and self.reason is None and self.created_by is None:
            text = "names nothing to remove: give {limit}"
            raise PydanticCustomError(
                "no_filter", text, {"limit": "networks, reason or created_by"}
            )
        return self


class RemovedBody(Strict):
    """How many entries a removal took, or would take (``dry_run``); null: nothing is changed."""

    revision: int | None
    removed: int


class FollowQuery(SinceQuery):
    """What a node has: everything up to change ``since`` of ``epoch``. Without them: nothing."""

    limit: Annotated[int, Field(ge=1, le=FOLLOWED_MAX), FromDecimal] = FOLLOWED_MAX
    """Entries on a page of everything; changes are not paged."""
    cursor: Cursor | None = None


class FollowedEntry(Strict):
    """An entry to be put on a list of the node's."""

    list: Literal["blacklist", "allowlist"]
    ip: str
    reason: str | None
    expires_at: Timestamp | None


class FollowedNetwork(Strict):
    """A network that the fleet has removed from a list."""

    list: Literal["blacklist", "allowlist"]
    ip: str


class FollowedLists(Strict):
    """The changes since the node's change, or a page of everything (``full``)."""

    at: Timestamp
    """The time, by the clock of ``expires_at``."""
    epoch: str
    change: int
    """The node's change after it has applied this and, if full, all further pages."""
    full: bool
    confirmed: bool
    """After the node's change, an operator has confirmed that the lists have lost entries on
    purpose."""
    totals: dict[Literal["blacklist", "allowlist"], int]
    """Number of all entries, on the first page of everything."""
    entries: list[FollowedEntry]
    removed: list[FollowedNetwork]
    next_cursor: str | None

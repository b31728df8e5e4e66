"""Bodies and queries of the fleet's lists: those of a node's, without hits, state and `others`.

The origin of every entry is ``fleet``; requests have no origin.
"""

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
    FromDecimal,
    Strict,
    Timestamp,
    not_all_null,
)
from api.lists.reading import CoveringBody, FilterQuery, check_one_page
from api.lists.schemas import (
    ENTRIES_MAX,
    NETWORKS_MAX,
    CreatedBy,
    LineRequest,
    LinesBody,
    NetworkText,
    Reason,
    few_enough,
    form,
)
from api.orchestrator.following.schemas import NodeCounts, SinceQuery

Order = Literal["ip", "newest", "oldest", "ends"]
"""``ends``: entries with an end, the next one to end first."""
Cursor = Annotated[str, Field(pattern="^0[01][0-9a-f]{34}$")]
FOLLOWED_MAX = 10_000
"""Entries on a page that a node asks for."""


class PageQuery(FilterQuery):
    """A filter of entries and their order: follow ``next_cursor`` until it is null.

    Filters are joined by "and". ``reason`` and ``created_by`` are compared as a whole.
    """

    cursor: Cursor | None = None
    sort: Order = "ip"
    """Any other order than ``ip`` has one page: the first ``limit`` entries."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_one_page(self.cursor, self.sort)
        return self


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
    """An entry of the fleet. ``revision``: the fleet's change that wrote it."""

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
    """An entry, and the number of nodes on which its change is in force."""

    nodes: NodeCounts


class LookupBody(CoveringBody, SpreadEntryBody):
    """An entry of a list: that of the requested network, else the longest one that contains it.

    If the requested list has none, it is an entry of the other list. Entries of the nodes
    themselves are not considered.
    """


class ShowBody(RootModel[SpreadEntryBody | LookupBody]):
    """The entry of exactly that network, or with ``covering`` the entries that contain it."""


class PutEntryBody(FleetEntryBody):
    """One of many entries, and the result for it."""

    result: Literal["created", "replaced"]


class EntriesBody(Strict):
    """The result of a POST of many entries."""

    revision: int
    created: int
    replaced: int
    entries: list[PutEntryBody]


class PutBody(RootModel[FleetEntryBody | EntriesBody]):
    """The result for one entry, or for many."""


class BlacklistPage(Strict):
    """A part of the fleet's blacklist; ``total`` counts all entries that meet the filters.

    ``total`` null: not counted again for a later page.
    """

    blacklist: list[FleetEntryBody]
    total: int | None
    next_cursor: str | None


class AllowlistPage(Strict):
    """A part of the fleet's allowlist; ``total`` as in the blacklist."""

    allowlist: list[FleetEntryBody]
    total: int | None
    next_cursor: str | None


class ImportBody(LinesBody):
    """The result of an import."""

    revision: int | None


class RemoveRequest(Strict):
    """The entries to remove: those that meet every given condition. At least one is required."""

    model_config = ConfigDict(json_schema_extra=not_all_null("networks", "reason", "created_by"))

    networks: Annotated[list[NetworkText], Field(min_length=1, max_length=NETWORKS_MAX)] | None = (
        None
    )
    reason: Reason | None = None
    created_by: CreatedBy | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.networks is None and self.reason is None and self.created_by is None:
            text = "names nothing to remove: give {limit}"
            raise PydanticCustomError(
                "no_filter", text, {"limit": "networks, reason or created_by"}
            )
        return self


class RemovedBody(Strict):
    """The number of entries that a removal took, or would take (``dry_run``). ``revision`` null:
    nothing was changed."""

    revision: int | None
    removed: int


class FollowQuery(SinceQuery):
    """The state of a node: it has everything up to change ``since`` of ``epoch``. Without these
    fields: it has nothing."""

    limit: Annotated[int, Field(ge=1, le=FOLLOWED_MAX), FromDecimal] = FOLLOWED_MAX
    """Entries on a page of a whole list; changes are not paged."""
    cursor: Cursor | None = None


class FollowedEntry(Strict):
    """An entry to be put on a list of the node."""

    list: Literal["blacklist", "allowlist"]
    ip: str
    reason: str | None
    expires_at: Timestamp | None


class FollowedNetwork(Strict):
    """A network that the fleet has removed from a list."""

    list: Literal["blacklist", "allowlist"]
    ip: str


class FollowedLists(Strict):
    """The changes since the node's change, or with ``full`` a page of all entries."""

    at: Timestamp
    """The present time of the clock of ``expires_at``."""
    epoch: str
    change: int
    """The node's change after it has applied this answer and, with ``full``, all further pages."""
    full: bool
    confirmed: bool
    """After the node's change, an operator has confirmed that the lists have lost entries on
    purpose."""
    totals: dict[Literal["blacklist", "allowlist"], int]
    """Number of all entries; on the first page of all entries only."""
    entries: list[FollowedEntry]
    removed: list[FollowedNetwork]
    next_cursor: str | None

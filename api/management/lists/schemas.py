"""Queries and answers of reading a list: filters, order, and look-ups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, RootModel, model_validator
from pydantic_core import PydanticCustomError

from api.common.contract.schemas import PAGE_DEFAULT, FromFlag, PageLimit, Strict, Time
from api.lists.schemas import NetworkBody, Origin, Reason

_TEXT_MAX = 64
Verdict = Literal["allowed", "banned", "none"]
Order = Literal["ip", "newest", "oldest", "ends", "hits"]
"""``ends``: entries with an end, the next one to end first. ``hits``: the most hit entries."""


class ListQuery(Strict):
    """A filter of entries and their order: follow ``next_cursor`` until it is null.

    Filters are joined by "and". ``reason`` and ``created_by`` are compared as a whole.
    """

    limit: PageLimit = PAGE_DEFAULT
    cursor: Annotated[str, Field(pattern="^[0-9a-f]{34}([0-9a-f]{2}){0,72}$")] | None = None
    origin: Origin | None = None
    reason: Reason | None = None
    created_by: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    text: Annotated[str, Field(min_length=1, max_length=_TEXT_MAX)] | None = None
    """Part of the reason, the creator or the origin; the case of ASCII letters is ignored."""
    since: Time | None = None
    """Created at that time or later."""
    until: Time | None = None
    """Created before that time."""
    sort: Order = "ip"
    """Any other order than ``ip`` has one page: the first ``limit`` entries."""

    hits: Annotated[bool, FromFlag] = True
    """False: the hits are null. The data plane is not asked for them, which is the slowest part of
    a page."""

    @model_validator(mode="after")
    def _check(self) -> ListQuery:
        if self.cursor is not None and self.sort != "ip":
            text = "cursor goes with sort=ip alone: {limit}"
            limit = "another order has one page of at most 1000 entries"
            raise PydanticCustomError("cursor", text, {"limit": limit})
        return self


class ShowQuery(Strict):
    """The parts of the answer about a network."""

    covering: Annotated[bool, FromFlag] = False
    """Adds the networks that contain it, and the verdict of both lists together."""


class ListedBody(Strict):
    """A network on a list."""

    list: Literal["blacklist", "allowlist"]
    ip: str


class LookupBody(NetworkBody):
    """An entry of a list: that of the requested network, else the longest one that contains it.

    If the requested list has none, it is an entry of the other list.
    """

    asked: str
    list: Literal["blacklist", "allowlist"]
    """The list of the entry."""
    verdict: Verdict
    """The verdict of both lists: an allow beats every ban. ``none``: only rejected entries contain
    it."""
    decided_by: ListedBody | None
    covering: Sequence[ListedBody]
    """Networks of both lists that contain the whole network, the longest first."""
    inside: Sequence[ListedBody]
    """Some networks of both lists within the network: at most three of each list."""


class ShowBody(RootModel[NetworkBody | LookupBody]):
    """The entry of exactly that network, or with ``covering`` the entries that contain it."""

"""Queries and answers of reading a list: the filters, orders and look-ups of both APIs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field
from pydantic_core import PydanticCustomError

from api.common.contract.schemas import PAGE_DEFAULT, FromFlag, PageLimit, Strict, Time
from api.lists.schemas import Reason

_TEXT_MAX = 64
Verdict = Literal["allowed", "banned", "none"]


class FilterQuery(Strict):
    """A filter of entries: follow ``next_cursor`` until it is null.

    Filters are joined by "and". ``reason`` and ``created_by`` are compared as a whole.
    """

    limit: PageLimit = PAGE_DEFAULT
    reason: Reason | None = None
    created_by: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    text: Annotated[str, Field(min_length=1, max_length=_TEXT_MAX)] | None = None
    """Part of the reason, the creator or the origin; the case of ASCII letters is ignored."""
    since: Time | None = None
    """Created at that time or later."""
    until: Time | None = None
    """Created before that time."""


def check_one_page(cursor: str | None, sort: str) -> None:
    """Raise `PydanticCustomError` for a cursor in an order other than ``ip``."""
    if cursor is not None and sort != "ip":
        text = "cursor goes with sort=ip alone: {limit}"
        limit = "another order has one page of at most 1000 entries"
        raise PydanticCustomError("cursor", text, {"limit": limit})


class ShowQuery(Strict):
    """The parts of the answer about a network."""

    covering: Annotated[bool, FromFlag] = False
    """Adds the networks that contain it, and the verdict of both lists together."""


class ListedBody(Strict):
    """A network on a list."""

    list: Literal["blacklist", "allowlist"]
    ip: str


class CoveringBody(Strict):
    """The parts of a look-up beside the entry.

    The entry is that of the requested network, else the longest one that contains it. If the
    requested list has none, it is an entry of the other list.
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

"""Queries and answers of reading a node's list: filters, order, and look-ups."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, RootModel, model_validator

from api.common.contract.schemas import FromFlag
from api.lists.reading import CoveringBody, FilterQuery, check_one_page
from api.lists.schemas import NetworkBody, Origin

Order = Literal["ip", "newest", "oldest", "ends", "hits"]
"""``ends``: entries with an end, the next one to end first. ``hits``: the most hit entries."""


class ListQuery(FilterQuery):
    """A filter of entries and their order: follow ``next_cursor`` until it is null.

    Filters are joined by "and". ``reason`` and ``created_by`` are compared as a whole.
    """

    cursor: Annotated[str, Field(pattern="^[0-9a-f]{34}([0-9a-f]{2}){0,72}$")] | None = None
    origin: Origin | None = None
    sort: Order = "ip"
    """Any other order than ``ip`` has one page: the first ``limit`` entries."""

    hits: Annotated[bool, FromFlag] = True
    """False: the hits are null. The data plane is not asked for them, which is the slowest part of
    a page."""

    @model_validator(mode="after")
    def _check(self) -> ListQuery:
        check_one_page(self.cursor, self.sort)
        return self


class LookupBody(CoveringBody, NetworkBody):
    """An entry of a list: that of the requested network, else the longest one that contains it.

    If the requested list has none, it is an entry of the other list.
    """


class ShowBody(RootModel[NetworkBody | LookupBody]):
    """The entry of exactly that network, or with ``covering`` the entries that contain it."""

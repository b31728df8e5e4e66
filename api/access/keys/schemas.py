"""Bodies of requests and answers about keys."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from api.common.contract.schemas import Strict, Timestamp, Whole

RoleName = Literal["read", "operate", "admin"]


class KeyRequest(Strict):
    """A key to make; without ``expires_in_seconds`` it does not expire."""

    name: Annotated[str, Field(min_length=1, max_length=64, pattern="^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    role: RoleName
    expires_in_seconds: Annotated[int, Field(ge=1, le=315_360_000), Whole] | None = None


class KeyBody(Strict):
    """A key without its text."""

    id: str
    name: str
    role: RoleName
    created_at: Timestamp
    expires_at: Timestamp | None


class NewKeyBody(KeyBody):
    """A key that was just made: the only answer that has its text."""

    key: str


class KeyList(Strict):
    """All stored keys, oldest first."""

    keys: list[KeyBody]
    total: int
